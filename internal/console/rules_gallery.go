package console

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/hindsight"
	"github.com/engawa/engawa/internal/rule"
)

// sampleRules are the packs that ship, one of them off.
func sampleRules(p Page, s spoken) RulePacks {
	v := RulePacks{Page: p, RuleSet: "2026-11-24-f371bb6319a5-without-us", Version: 3}
	set, err := rule.Load()
	if err != nil {
		panic(err) // the files are in the program
	}
	for _, pack := range set.Packs() {
		card := p.packCard(pack)
		card.On = pack.Name != "us"
		switch pack.Name {
		case "us":
			card.Past = []PackPast{{ago(time.Hour), false, s.member, s.subject}, {ago(50 * time.Hour), true, s.member, s.subject}, {ago(70 * time.Hour), false, s.member, s.subject}}
		case "jp":
			card.Customers = 1204
		}
		v.Packs = append(v.Packs, card)
	}
	return v
}

func samplePackTrial(p Page, s spoken) PackTrial {
	p.Title = p.T("tried.title", "pack", p.packName("kr"))
	held := sampleVerdict(true)
	held.Outcome, held.Decided, held.Obligations = engawa.Hold, engawa.GateRules, nil
	held.Gates[5] = sampleGate(engawa.GateRules, engawa.Hold, "KR-04", "rules.quiet_hours", "정보통신망법 §50(3)", map[string]string{"from": "21:00", "to": "08:00", "until": "2026-11-24T08:00:00+09:00"})
	sent := p.changeWords(hindsight.Change{Was: engawa.Send, Would: engawa.Hold})
	other := p.changeWords(hindsight.Change{Was: engawa.Send, Would: engawa.Send})
	marketing := p.purposeWords(engawa.Marketing)
	return PackTrial{
		Page: p, Asked: hindsight.Trial{Pack: "kr", On: true, Days: 30},
		Report: hindsight.Report{Since: ago(30 * 24 * time.Hour), Until: sampleNow, Judged: 41210, Erased: 12, Outdated: 3, Cut: true, Differ: 812, Resimulated: 4, First: 1},
		Sums:   []PackTrialSum{{other, "KR-07", marketing, 702, 0}, {sent, "KR-04", marketing, 106, 0}, {sent, "X-04", marketing, 4, 4}},
		Rows: []PackTrialRow{
			{ID: "msg_1", At: ago(13 * time.Hour), To: s.minsu, Purpose: marketing, Rule: "KR-04", Change: sent, Was: p.triedWords(sampleVerdict(true)), Would: p.triedWords(held)},
			{ID: "msg_2", At: ago(12 * time.Hour), To: s.minsu, Purpose: marketing, Rule: "X-04", Change: sent, Was: p.triedWords(sampleVerdict(true)), Would: p.triedWords(held), Resimulated: true},
		},
		Next: "/rules/kr/trial?cursor=x",
	}
}
