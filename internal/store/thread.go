package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// Answer is what a customer answered a partner, as the partner's API tells it, but of
// the files the names and sizes alone.
type Answer struct {
	engawa.Reply // its body is without files

	Gone  bool // nothing is left of its words
	Files []AnswerFile
	Told  []engawa.MessageState // of what the partner's webhooks are told of it; none: nothing
	Task  string                // the open task that asks a person about it; empty: none
}

// AnswerFile is a file that came with an answer.
type AnswerFile struct {
	Name, Type string
	Size       int // octets
}

// Format names the answer without its words, whatever the verb.
func (a Answer) Format(f fmt.State, verb rune) { a.Reply.Format(f, verb) }

// Waits reports whether the answer waits for a person.
func (a Answer) Waits() bool { return a.Doubt != engawa.DoubtNone && a.Doubt != engawa.DoubtLeft }

// MostAnswers is how many answers are shown of a message, and of a part of a thread:
// the newest. Each is opened whole, and may be as large as a mail.
const MostAnswers = 20

// Answers returns what a customer answered a partner's message, the oldest first: the
// newest MostAnswers, and whether there are more. It opens each of them whole, one at
// a time.
func (s *Store) Answers(ctx context.Context, workspace, customer, message string) (as []Answer, more bool, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		as, more, err = t.answersTo(workspace, customer, []string{message})
		return err
	})
	return as, more, err
}

func (t *tx) answersTo(workspace, customer string, messages []string) (as []Answer, more bool, err error) {
	ids, err := all(t, scanString, `SELECT id FROM partner_reply WHERE workspace = $1 AND customer = $2 AND message {in $3} ORDER BY created_at DESC, id DESC LIMIT $4`,
		workspace, customer, t.list(messages), MostAnswers+1)
	if err != nil {
		return nil, false, err
	}
	if more = len(ids) > MostAnswers; more {
		ids = ids[:MostAnswers]
	}
	slices.Reverse(ids)
	as, err = t.answers(workspace, ids)
	return as, more, err
}

// answers reads replies one by one: with its files one may be as large as a mail, and
// they are sealed with its words. One that was destroyed meanwhile is left out.
func (t *tx) answers(workspace string, ids []string) (as []Answer, err error) {
	for _, id := range ids {
		rs, err := t.replies(workspace, `r.id = $2`, id)
		if err != nil {
			return nil, err
		}
		for _, r := range rs {
			a := Answer{Reply: r, Gone: r.Body.Erased()}
			for _, f := range r.Body.Files {
				a.Files = append(a.Files, AnswerFile{f.Name, f.Type, len(f.Data)})
			}
			a.Body.Files = nil
			as = append(as, a)
		}
	}
	told, err := t.answersTold(workspace, ids)
	if err != nil {
		return nil, err
	}
	asked, err := t.answersAsked(workspace, ids)
	for i, a := range as {
		for _, state := range told[a.ID] {
			as[i].Told = append(as[i].Told, engawa.MessageState(state))
		}
		as[i].Task = strings.Join(asked[a.ID], "")
	}
	return as, err
}

// answersTold finds out what became of the posts that told an answer's partner's
// webhooks of it. Other routes may ask for the same event: their places are the
// business's or another partner's.
func (t *tx) answersTold(workspace string, ids []string) (states map[string][]string, err error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = toldOfReply + id
	}
	return t.grouped(`SELECT substr(e.dedup, `+strconv.Itoa(len(toldOfReply)+1)+`), `+messageState+` FROM event e
		JOIN message ON message.workspace = e.workspace AND message.event = e.id AND message.event <> ''
		JOIN destination d ON d.workspace = message.workspace AND d.id = message.destination JOIN account a ON a.workspace = d.workspace AND a.id = d.account
		JOIN partner_reply r ON r.workspace = e.workspace AND r.id = substr(e.dedup, `+strconv.Itoa(len(toldOfReply)+1)+`) AND r.partner = a.owner
		WHERE e.workspace = $1 AND e.account = $2 AND e.dedup {in $3} ORDER BY message.id`, workspace, engawa.SourceHub, t.list(keys))
}

// answersAsked finds the open task that asks about an answer.
func (t *tx) answersAsked(workspace string, ids []string) (tasks map[string][]string, err error) {
	return t.grouped(`SELECT ref, id FROM task WHERE workspace = $1 AND kind = $2 AND ref {in $3} AND state = 'open'`, workspace, UnprovedTask, t.list(ids))
}

// grouped reads pairs of texts, and gathers the second by the first.
func (t *tx) grouped(q string, args ...any) (map[string][]string, error) {
	pairs, err := all(t, func(scan func(...any) error) (p [2]string, err error) { return p, scan(&p[0], &p[1]) }, q, args...)
	out := map[string][]string{}
	for _, p := range pairs {
		out[p[0]] = append(out[p[0]], p[1])
	}
	return out, err
}

// Conversation is what a customer and a partner talk about, known by the handle that the
// partner writes to: its newest answer, and how many there are.
type Conversation struct {
	Answer

	AppName string // empty: it is about none
	Answers int
	Waiting int // of those, for a person
}

// Format names the newest answer without its words, whatever the verb.
func (c Conversation) Format(f fmt.State, verb rune) { c.Answer.Format(f, verb) }

// Conversations returns a page of a partner's conversations in which somebody answered,
// the newest answer first. It opens one answer whole, one at a time, for each line.
func (s *Store) Conversations(ctx context.Context, workspace, partner string, p Page) (cs []Conversation, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, func(scan func(...any) error) (c Conversation, err error) {
			return c, scan(&c.ID, &c.AppName, &c.Answers, &c.Waiting)
		}, `SELECT id, coalesce((SELECT name FROM app WHERE app.workspace = $1 AND app.id = latest.app), ''), answers, waiting FROM (
			SELECT r.id, r.app, r.created_at, row_number() OVER (PARTITION BY coalesce(m.handle, r.message) ORDER BY r.created_at DESC, r.id DESC) AS nth,
				count(*) OVER (PARTITION BY coalesce(m.handle, r.message)) AS answers,
				count(CASE WHEN `+inDoubt+` THEN 1 END) OVER (PARTITION BY coalesce(m.handle, r.message)) AS waiting
			FROM partner_reply r LEFT JOIN partner_message m ON m.workspace = r.workspace AND m.message = r.message
			WHERE r.workspace = $1 AND r.partner = $2) AS latest
			WHERE nth = 1 AND (created_at, id) < ($3, $4) ORDER BY created_at DESC, id DESC LIMIT $5`, workspace, partner, p.before(), p.ID, p.limit())
		if err != nil {
			return err
		}
		ids := make([]string, len(rows))
		for i, c := range rows {
			ids[i] = c.ID
		}
		as, err := t.answers(workspace, ids)
		for _, a := range as {
			c := rows[slices.Index(ids, a.ID)]
			c.Answer = a
			cs = append(cs, c)
		}
		return err
	})
	return cs, err
}

// Thread is a part of a conversation.
type Thread struct {
	Partner, PartnerName string
	App, AppName         string // empty: it is about none
	Handle               string // empty: the message was written to none, and is alone
	Customer             string
	Lines                []ThreadLine // in the order of time
	Older, Newer         string       // messages in the parts before and after this one; empty: there is none
	Cut                  bool         // there are more answers to these messages
}

// ThreadLine is a message of the partner's or an answer to one.
type ThreadLine struct {
	At     time.Time
	Said   Said    // the message, where Answer is nil; without deliveries
	Answer *Answer // the customer's
}

// Format tells when it was said, whatever the verb.
func (l ThreadLine) Format(f fmt.State, _ rune) { fmt.Fprint(f, l.At) }

// Thread returns the part of a conversation that a partner's message is in: of the
// messages to the same handle, counted in parts from the newest, at most so many (0: 50),
// and the newest MostAnswers to them, each of which it opens whole, one at a time. A
// message that no partner wrote to a customer is CodeNotFound.
func (s *Store) Thread(ctx context.Context, workspace, message string, most int) (h Thread, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		h, err = one(t, func(scan func(...any) error) (h Thread, err error) {
			return h, scan(&h.Partner, &h.App, &h.Customer, &h.Handle)
		}, `SELECT message.partner, message.app, message.customer, coalesce(m.handle, '') FROM message
			LEFT JOIN partner_message m ON m.workspace = message.workspace AND m.message = message.id
			WHERE message.workspace = $1 AND message.id = $2 AND message.partner <> '' AND message.customer <> ''`, workspace, message)
		if err != nil {
			return found("conversation", err)
		}
		if h.PartnerName, h.AppName, err = t.namesIn(engawa.Reply{Workspace: workspace, Partner: h.Partner, App: h.App}); err != nil {
			return err
		}
		ids := []string{message}
		if h.Handle != "" {
			if ids, err = t.partOf(workspace, message, &h, Page{Limit: most}.limit()); err != nil {
				return err
			}
		}
		return t.openThread(workspace, ids, &h)
	})
	return h, err
}

// partOf finds the messages of the part that a message is in, and the parts next to it.
func (t *tx) partOf(workspace, message string, h *Thread, most int) ([]string, error) {
	newer, err := one(t, scanInt, `SELECT count(*) FROM partner_message WHERE workspace = $1 AND partner = $2 AND handle = $3
		AND (created_at, message) > (SELECT created_at, message FROM partner_message WHERE workspace = $1 AND message = $4)`, workspace, h.Partner, h.Handle, message)
	if err != nil {
		return nil, err
	}
	first := int(newer) / most * most
	ids, err := all(t, scanString, `SELECT message FROM partner_message WHERE workspace = $1 AND partner = $2 AND handle = $3
		ORDER BY created_at DESC, message DESC LIMIT $4 OFFSET $5`, workspace, h.Partner, h.Handle, most+2, max(first-1, 0))
	if err != nil {
		return nil, err
	}
	if first > 0 {
		h.Newer, ids = ids[0], ids[1:]
	}
	if len(ids) > most {
		h.Older, ids = ids[most], ids[:most]
	}
	return ids, nil
}

// openThread reads messages and what was answered to them.
func (t *tx) openThread(workspace string, ids []string, h *Thread) error {
	rows, err := all(t, scanMessage, `SELECT `+messageColumns+` FROM message WHERE workspace = $1 AND id {in $2} ORDER BY created_at, id`, workspace, t.list(ids))
	if err != nil {
		return err
	}
	var by []string
	for _, r := range rows {
		by = append(by, r.by)
	}
	ring, err := t.keys(workspace, openers(by))
	if err != nil {
		return err
	}
	for _, r := range rows {
		said, err := r.open(ring)
		if err != nil {
			return err
		}
		h.Lines = append(h.Lines, ThreadLine{At: r.CreatedAt, Said: said})
	}
	as, cut, err := t.answersTo(workspace, h.Customer, ids)
	for i := range as {
		h.Lines = append(h.Lines, ThreadLine{At: as[i].CreatedAt, Answer: &as[i]})
	}
	h.Cut = cut
	slices.SortStableFunc(h.Lines, func(a, b ThreadLine) int { return a.At.Compare(b.At) })
	return err
}
