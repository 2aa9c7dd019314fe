package api

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

type verdictShort struct {
	Outcome engawa.Outcome `json:"outcome" enum:"send,hold,refuse" doc:"Of the first account that may send"`
}

type reasonOut struct {
	Gate   engawa.Gate `json:"gate"`
	Rule   string      `json:"rule,omitempty"`
	Code   string      `json:"code"`
	Text   string      `json:"text" doc:"In the language of Accept-Language"`
	Remedy string      `json:"remedy,omitempty"`
	Source string      `json:"source,omitempty" doc:"The statute or page that the rule comes from"`
}

type gateOut struct {
	Gate    engawa.Gate    `json:"gate" enum:"grant,recipient,relationship,consent,disclosure,rules,suppression,budget"`
	Outcome engawa.Outcome `json:"outcome" enum:"send,hold,refuse"`
	Until   *time.Time     `json:"until"`
	Reasons []reasonOut    `json:"reasons"`
}

type obligationOut struct {
	Kind string `json:"kind" doc:"subject_prefix, body_prefix, footer or one_click"`
	Rule string `json:"rule"`
	Text string `json:"text,omitempty"`
	Code string `json:"code,omitempty"`
}

type verdictOut struct {
	Account     string          `json:"account"`
	Channel     string          `json:"channel"`
	Outcome     engawa.Outcome  `json:"outcome" enum:"send,hold,refuse"`
	Until       *time.Time      `json:"until" doc:"For hold"`
	Decided     engawa.Gate     `json:"decided,omitempty" doc:"The first gate that refuses, else the first that holds"`
	Reasons     []reasonOut     `json:"reasons" doc:"Of the gates that do not let it pass"`
	Gates       []gateOut       `json:"gates"`
	Obligations []obligationOut `json:"obligations" doc:"What is added or done if it goes"`
	RuleSet     string          `json:"rule_set"`
	At          time.Time       `json:"at"`
}

func (a *API) showVerdict(c *call, v engawa.Verdict) verdictOut {
	out := verdictOut{Account: v.Account, Channel: v.Channel, Outcome: v.Outcome, Until: utc(v.Until), Decided: v.Decided, RuleSet: v.RuleSet, At: v.At.UTC()}
	for _, o := range v.Obligations {
		out.Obligations = append(out.Obligations, obligationOut(o))
	}
	for _, g := range v.Gates {
		shown := gateOut{Gate: g.Gate, Outcome: g.Outcome, Until: utc(g.Until)}
		for _, r := range g.Reasons {
			words, remedy := a.Words.Reason(c.locale, r)
			shown.Reasons = append(shown.Reasons, reasonOut{r.Gate, r.Rule, r.Code, words, remedy, r.Source})
		}
		if g.Outcome != engawa.Send {
			out.Reasons = append(out.Reasons, shown.Reasons...)
		}
		out.Gates = append(out.Gates, shown)
	}
	return out
}

func (a *API) showJudged(c *call, judged []store.Judged) []verdictOut {
	out := make([]verdictOut, len(judged))
	for i, j := range judged {
		out[i] = a.showVerdict(c, j.Verdict)
	}
	return out
}

// overall is the outcome of the first account that may send, now or later.
func overall(judged []store.Judged) verdictShort {
	for _, j := range judged {
		if j.Verdict.Outcome != engawa.Refuse {
			return verdictShort{j.Verdict.Outcome}
		}
	}
	return verdictShort{engawa.Refuse}
}
