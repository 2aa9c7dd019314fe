package console

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// threadPart is how many conversations, or messages of one, a page shows.
const threadPart = 20

// threads lists a partner's conversations with customers.
func (c *console) threads(v *visit) error {
	p, err := c.Store.Partner(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	view := Threads{Page: v.titled("settings", v.T("threads.title")), Partner: p.ID, Name: p.Name}
	view.Path = "/partners/" + p.ID + "/threads"
	at := cursor(v.r)
	at.Limit = threadPart
	if view.Rows, err = c.Store.Conversations(v.ctx(), v.ws(), p.ID, at); err != nil {
		return err
	}
	if len(view.Rows) == threadPart {
		last := view.Rows[threadPart-1]
		view.Next = query(view.Path, "after", after(last.CreatedAt, last.ID))
	}
	return v.show(ThreadsPage(view))
}

// thread shows the conversation that a partner's message belongs to, as the partner
// reads it.
func (c *console) thread(v *visit) error {
	h, err := c.Store.Thread(v.ctx(), v.ws(), v.r.PathValue("id"), threadPart)
	if err != nil {
		return err
	}
	n, err := c.names(v)
	if err != nil {
		return err
	}
	view := Thread{Page: v.titled("settings", v.T("thread.title", "partner", h.PartnerName)), Thread: h, CustomerName: n.customer(h.Customer)}
	view.Path = threadPath(v.r.PathValue("id"))
	return v.show(ThreadPage(view))
}

// threadPath leads to the part of a conversation that a message is in.
func threadPath(message string) string { return "/messages/" + message + "/thread" }

// answers are what the customer answered a partner's message, for support and above.
// They are read for the page alone, and not each time that it asks what moved: each may
// be as large as a mail.
func (c *console) answers(v *visit, view *Message) (err error) {
	if view.Customer != "" && v.Role.Allows(engawa.Support) {
		view.Answers, view.AnswersCut, err = c.Store.Answers(v.ctx(), v.ws(), view.Customer, view.ID)
	}
	return err
}

// answerState is where an answer stands: passed on, waiting for a person, or left.
func answerState(a store.Answer) (state, tone string) {
	switch {
	case a.Waits():
		return "waiting", "wait"
	case a.Doubt == engawa.DoubtLeft:
		return "left", "off"
	}
	return "passed", "go"
}

// lastWords are the beginning of an answer, for a list.
func (p Page) lastWords(a store.Answer) string {
	if a.Gone {
		return p.goneWords(a)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(a.Body.Text), "\n")
	return cmp.Or(clipped(first), clipped(a.Body.Subject), p.T("messages.no_subject"))
}

// goneWords say why an answer has no words.
func (p Page) goneWords(a store.Answer) string {
	if a.Doubt == engawa.DoubtLeft {
		return p.T("thread.left.text")
	}
	return p.T("thread.gone")
}

// hidden says what was taken out of an answer, or held back, and how often.
func (p Page) hidden(b engawa.ReplyBody) (lines []string) {
	for _, counts := range []map[string]int{b.Hidden, b.Held} {
		for _, what := range slices.Sorted(maps.Keys(counts)) {
			lines = append(lines, p.T("thread.hidden", "what", p.T("scrub."+what), "n", counts[what]))
		}
	}
	return lines
}

// span is a part of an answer's text. Marked: it stands in place of something that was
// taken out.
type span struct {
	text   string
	marked bool
}

// marked finds the marks in a text, in whichever language they were set.
func (p Page) marked(b engawa.ReplyBody) (out []span) {
	var marks []string
	for _, counts := range []map[string]int{b.Hidden, b.Held} {
		for what := range counts {
			for _, l := range engawa.Locales {
				marks = append(marks, "["+p.Words.T(l, "scrub."+what)+"]")
			}
		}
	}
	for rest := b.Text; rest != ""; {
		at, mark := len(rest), ""
		for _, m := range marks {
			if i := strings.Index(rest, m); i >= 0 && i < at {
				at, mark = i, m
			}
		}
		if at > 0 {
			out = append(out, span{rest[:at], false})
		}
		if mark != "" {
			out = append(out, span{mark, true})
		}
		rest = rest[at+len(mark):]
	}
	return out
}

// size is a file's size in words.
func (p Page) size(octets int) string {
	if octets < 1000 {
		return p.T("size.octets", "n", octets)
	}
	return p.T("size.kb", "n", p.Number((octets+500)/1000))
}
