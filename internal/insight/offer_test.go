package insight_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel/mail"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/verdict"
)

const (
	redeem  = "https://apps.apple.com/redeem?ctx=offercodes&id=1234567890&code="
	offered = "tpl_offer"
)

// offers adds a template with an offer's link, and a pool with codes.
func (s *shop) offers(codes ...engawa.Secret) {
	s.t.Helper()
	s.words()
	s.Must(s.Hub.AddOfferPool(s.t.Context(), s.pool(), ""))
	s.stock(codes...)
}

// words are those of a message that holds the offer's link.
func (s *shop) words() {
	s.t.Helper()
	words := engawa.Content{Subject: "リンクのお知らせ", Text: "{{name}}様のリンク: {{offer.link:thanks}}", HTML: `<p>{{name}}様</p><p><a href="{{offer.link:thanks}}">リンク</a></p>`}
	s.Must(s.Hub.SaveTemplate(s.t.Context(), engawa.Template{Workspace: followtest.Workspace, ID: offered, Name: "offer", Words: map[engawa.Locale]engawa.Content{engawa.Japanese: words}}))
}

func (s *shop) pool() engawa.OfferPool {
	return engawa.OfferPool{
		Workspace: followtest.Workspace, ID: "ofp_1", Account: followtest.AccountID, App: followtest.AppID, Name: "お礼", Offer: "thanks", EndsAt: time.Now().Add(24 * time.Hour), CreatedAt: time.Now(),
	}
}

func (s *shop) stock(codes ...engawa.Secret) {
	s.t.Helper()
	_, err := s.Hub.AddOfferCodes(s.t.Context(), s.pool(), codes)
	s.Must(err)
}

func (s *shop) asks(token string, via ...engawa.Via) message.Request {
	if len(via) == 0 {
		via = []engawa.Via{{Account: mailbox}}
	}
	return message.Request{
		Workspace: followtest.Workspace, Route: "rte_save", Customer: "cus_" + token, App: followtest.AppID, Purpose: engawa.Service, Trigger: engawa.ByAutomatic,
		Template: offered, Variables: map[string]any{"name": "田中{{offer.link:other}}"}, Chain: via,
	}
}

func (s *shop) stand() store.PoolCounts {
	s.t.Helper()
	c, err := s.Hub.OfferPool(s.t.Context(), followtest.Workspace, "ofp_1")
	s.Must(err)
	return c
}

func (s *shop) said(id string) store.Said {
	s.t.Helper()
	said, err := s.Hub.Message(s.t.Context(), followtest.Workspace, id)
	s.Must(err)
	return said
}

// reason is the first reason of the budget gate.
func reason(v *engawa.Verdict) string { return v.Gates[7].Reasons[0].Code }

// TestOfferLink: the link of a code goes with the mail and is handed out when it
// goes, to one customer each; judging and showing hand out nothing. Who none is
// left for waits for codes, and one person is asked for them once.
func TestOfferLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, storetest.SQLite(t))
		s.offers("CODEONE123")
		seen, err := s.compose.Compose(t.Context(), followtest.Workspace, []message.Request{s.asks(token)})
		s.Must(err)
		if v := seen[0].Judged[0].Verdict; v.Outcome != engawa.Send || reason(&v) != "budget.offer" || !strings.Contains(seen[0].Message.Content.Text, engawa.OfferPlace("thanks")) || s.stand().Free != 1 {
			t.Fatalf("shown: %+v, left %d", seen[0], s.stand().Free)
		}
		ms, err := s.compose.Accept(t.Context(), followtest.Workspace, []message.Request{s.asks(token), s.asks(another)})
		s.Must(err)
		if s.stand().Free != 1 {
			t.Error("accepting hands out")
		}
		s.run()
		wait(time.Minute)
		var went, waits store.Said
		for _, m := range ms {
			if said := s.said(m.Message.ID); said.Message.State == engawa.MessageSent {
				went = said
			} else {
				waits = said
			}
		}
		if went.Message.ID == "" || waits.Message.State != engawa.MessageWaiting || reason(waits.Deliveries[0].Verdict) != "budget.offer_empty" {
			t.Fatalf("went %v, waits %v", went.Message.State, waits.Deliveries)
		}
		mails := s.inbox.Mails()
		if len(mails) != 1 || s.stand().Handed != 1 {
			t.Fatalf("%d mails, %+v", len(mails), s.stand())
		}
		text, html := parts(t, mails[0].Raw)
		if !strings.Contains(text, redeem+"CODEONE123\n") || !strings.Contains(html, `href="https://apps.apple.com/redeem?ctx=offercodes&amp;id=1234567890&amp;code=CODEONE123"`) || strings.Contains(text, "offer.link:thanks") {
			t.Errorf("%s\n%s", text, html)
		}
		if !strings.Contains(text, "{{offer.link:other}}") {
			t.Error("a value speaks the template's language")
		}
		codes, err := s.Hub.OfferCodesOf(t.Context(), followtest.Workspace, went.Message.Customer)
		if err != nil || len(codes) != 1 || codes[0].Reason != "campaign" || codes[0].By != "route:rte_save" {
			t.Errorf("%+v %v", codes, err)
		}
		if strings.Contains(went.Message.Content.Text, "CODEONE123") {
			t.Error("the code is kept with the message")
		}
		wait(2 * time.Hour)
		if tasks := s.lowOffers(); len(tasks) != 1 || tasks[0].Count != 1 {
			t.Errorf("tasks %+v", tasks)
		}
		s.stock("CODETWO456")
		wait(16 * time.Minute)
		if mails = s.inbox.Mails(); len(mails) != 2 || s.said(waits.Message.ID).Message.State != engawa.MessageSent {
			t.Fatalf("%d mails after codes came", len(mails))
		}
		if text, _ = parts(t, mails[1].Raw); !strings.Contains(text, redeem+"CODETWO456") {
			t.Error(text)
		}
	})
}

func (s *shop) lowOffers() (out []engawa.Task) {
	s.t.Helper()
	tasks, err := s.Hub.Tasks(s.t.Context(), followtest.Workspace, 100)
	s.Must(err)
	for _, k := range tasks {
		if k.Kind == "offer.low" {
			out = append(out, k)
		}
	}
	return out
}

// claims claims what is due on an account in the name of a node.
func (s *shop) claims(owner, account string, fail bool) ([]*store.Claimed, store.Lane) {
	s.t.Helper()
	seen, err := s.Hub.Lane(s.t.Context(), followtest.Workspace, account)
	s.Must(err)
	lane, held, err := s.Hub.Hold(s.t.Context(), owner, seen)
	if err != nil || !held {
		s.t.Fatalf("not held: %v", err)
	}
	_, err = s.Hub.Recover(s.t.Context(), lane, func(engawa.Delivery) (engawa.DeliveryState, string) { return engawa.Retrying, "" }, nil)
	s.Must(err)
	decide := store.Decide{
		Judge: func(c *store.Claimed) store.Decision {
			f := message.Complete(c.Known, mail.Kind, c.Message, time.Now())
			return store.Decision{Facts: f, Verdict: verdict.Judge(f, s.rules, time.Now()), Key: c.Delivery.ID}
		},
		Pace: func() store.Pace {
			if fail {
				return store.Pace{Limits: map[string]json.RawMessage{"x": json.RawMessage("\x00")}} // no engine takes it
			}
			return store.Pace{}
		},
	}
	going, _, err := s.Hub.Claim(s.t.Context(), lane, 10, decide)
	if fail {
		if err == nil {
			s.t.Fatal("the claim did not fail")
		}
		return nil, lane
	}
	s.Must(err)
	return going, lane
}

// TestOfferLinkSurvives: a claim that is not committed hands out nothing; a node
// that dies with a code under way is followed by one that sends the same code; so
// does the next channel of the chain. Both engines.
func TestOfferLinkSurvives(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		s.offers("CODEONE123", "CODETWO456")
		a, err := s.Hub.Account(t.Context(), followtest.Workspace, mailbox)
		s.Must(err)
		a.ID = "acc_mail2"
		s.Must(s.Hub.AddAccount(t.Context(), a))
		ms, err := s.compose.Accept(t.Context(), followtest.Workspace, []message.Request{s.asks(token, engawa.Via{Account: mailbox}, engawa.Via{Account: a.ID})})
		s.Must(err)
		s.claims("dies at once", mailbox, true)
		if s.stand().Free != 2 {
			t.Fatalf("handed out by nobody: %+v", s.stand())
		}
		first, _ := s.claims("dies", mailbox, false)
		if len(first) != 1 || first[0].Code == "" || first[0].AppleID != followtest.AppleID {
			t.Fatalf("%d go: %v", len(first), first)
		}
		second, lane := s.claims("follows", mailbox, false)
		if len(second) != 1 || second[0].Code != first[0].Code || second[0].Delivery.Attempts != 2 {
			t.Fatalf("%d go: %v", len(second), second)
		}
		_, err = s.Hub.Record(t.Context(), lane, []store.Result{{Claimed: second[0], EndedAt: time.Now(), Outcome: engawa.OutcomeFailed, State: engawa.Failed, Code: "rejected", GoesOn: true}})
		s.Must(err)
		third, _ := s.claims("follows", a.ID, false)
		if len(third) != 1 || third[0].Code != first[0].Code || third[0].Message.ID != ms[0].Message.ID {
			t.Fatalf("%d go: %v", len(third), third)
		}
		if got := s.stand(); got.Free != 1 || got.Handed != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// TestOfferLinkUsed: who used a code of the offer, whoever gave it, is not sent
// another; one that was used between two tries is not sent again.
func TestOfferLinkUsed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		s.offers("CODEONE123")
		_, err := s.compose.Accept(t.Context(), followtest.Workspace, []message.Request{s.asks(token)})
		s.Must(err)
		if going, _ := s.claims("one", mailbox, false); len(going) != 1 {
			t.Fatalf("%d go", len(going))
		}
		now := appstore.Date(time.Now().Add(time.Minute).UnixMilli())
		_, err = s.Follow.Save(t.Context(), s.Account, follow.How{}, purchase.OfTransaction(&appstore.Transaction{
			TransactionID: "1", OriginalTransactionID: "1", ProductID: "club", Type: "Auto-Renewable Subscription", AppAccountToken: token, OfferType: appstore.OfferCode, OfferIdentifier: "thanks",
			PurchaseDate: now, SignedDate: now,
		}))
		s.Must(err)
		if going, _ := s.claims("two", mailbox, false); len(going) != 0 {
			t.Errorf("a used code goes again")
		}
		ms, err := s.compose.Accept(t.Context(), followtest.Workspace, []message.Request{s.asks(token)})
		s.Must(err)
		if v := ms[0].Judged[0].Verdict; v.Outcome != engawa.Refuse || reason(&v) != "budget.offer_used" {
			t.Errorf("%+v", v)
		}
	})
}

// TestOfferLinkApart: of an offer that has codes in production and in the sandbox, a
// customer is given one of production, whatever the same customer tested; one of the
// sandbox goes with a message about what was bought there. Both engines.
func TestOfferLinkApart(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		box := s.Beside(sim.Sandbox, "acc_sandbox", followtest.AppID, followtest.Bundle)
		test := s.pool()
		test.ID, test.Account, test.EndsAt = "ofp_0", box.Account.ID, test.EndsAt.Add(-time.Hour) // it ends first
		s.Must(s.Hub.AddOfferPool(t.Context(), test, ""))
		_, err := s.Hub.AddOfferCodes(t.Context(), test, []engawa.Secret{"CODETEST01", "CODETEST02"})
		s.Must(err)
		s.words()
		if _, err := s.compose.Accept(t.Context(), followtest.Workspace, []message.Request{s.asks(token)}); engawa.CodeOf(err) != engawa.CodeInvalid {
			t.Errorf("with codes of the sandbox alone: %v", err)
		}
		s.Must(s.Hub.AddOfferPool(t.Context(), s.pool(), ""))
		s.stock("CODEPAID01", "CODEPAID02")
		given := func(r message.Request) engawa.Secret {
			t.Helper()
			ms, err := s.compose.Accept(t.Context(), followtest.Workspace, []message.Request{r})
			s.Must(err)
			going, _ := s.claims("one", mailbox, false)
			i := slices.IndexFunc(going, func(c *store.Claimed) bool { return c.Message.ID == ms[0].Message.ID })
			if i < 0 {
				t.Fatal("it does not go")
			}
			return going[i].Code
		}
		of := s.lower(box.Account, "1")
		if code := given(s.asks(token)); !strings.HasPrefix(code.Reveal(), "CODEPAID") {
			t.Errorf("to who bought in the sandbox alone: %s", code.Reveal())
		}
		s.lower(s.Account, "2")
		if code := given(s.asks(token)); !strings.HasPrefix(code.Reveal(), "CODEPAID") {
			t.Errorf("to who bought in both: %s", code.Reveal())
		}
		about := s.asks(token)
		about.Event, about.While, about.Offered = of.Event, of.While, of.Offered
		if code := given(about); !strings.HasPrefix(code.Reveal(), "CODETEST") {
			t.Errorf("about what was bought in the sandbox: %s", code.Reveal())
		}
	})
}

// TestOfferLinkRefused: what cannot hold a code's link is refused with the reason
// before anything is stored.
func TestOfferLinkRefused(t *testing.T) {
	s := open(t, storetest.SQLite(t))
	s.offers()
	s.Must(s.Hub.AddDestination(t.Context(), engawa.Destination{Workspace: followtest.Workspace, ID: "dst_1", Name: "スタッフ", Account: mailbox, Address: "staff@hinata.example", CreatedAt: time.Now()}))
	for name, change := range map[string]func(r *message.Request){
		"to staff": func(r *message.Request) { r.Customer, r.Destination = "", "dst_1" },
		"a fallback there": func(r *message.Request) {
			r.Chain = append(r.Chain, engawa.Via{Account: mailbox, Destination: "dst_1"})
		},
		"a partner": func(r *message.Request) { r.Partner = "ptn_1" },
		"no pool":   func(r *message.Request) { r.Template, r.Content = "", engawa.Content{Text: "{{offer.link:nothing}}"} },
		"two offers": func(r *message.Request) {
			r.Template, r.Content = "", engawa.Content{Text: "{{offer.link:a}} {{offer.link:b}}"}
		},
		"in the subject": func(r *message.Request) {
			r.Template, r.Content = "", engawa.Content{Subject: "{{ offer.link:thanks }}", Text: "x"}
		},
		"optional": func(r *message.Request) { r.Template, r.Content = "", engawa.Content{Text: "{{offer.link:thanks?}}"} },
	} {
		r := s.asks(token)
		change(&r)
		_, err := s.compose.Compose(t.Context(), followtest.Workspace, []message.Request{r})
		if told, ok := errors.AsType[*engawa.Error](err); !ok || told.Remedy == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	a := s.Account
	a.Settings["app_apple_id"] = ""
	a.Version = 1
	s.Must(s.Hub.ChangeAccount(t.Context(), a))
	s.stock("CODEONE123")
	ms, err := s.compose.Compose(t.Context(), followtest.Workspace, []message.Request{s.asks(token)})
	s.Must(err)
	if v := ms[0].Judged[0].Verdict; v.Outcome != engawa.Hold || reason(&v) != "budget.offer_unlinked" {
		t.Errorf("%+v", v)
	}
}

// parts are the plain and the HTML words of a mail.
func parts(t *testing.T, raw []byte) (plain, html string) {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if err != nil {
			return plain, html
		}
		var body io.Reader = p
		switch p.Header.Get("Content-Transfer-Encoding") {
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, p)
		case "quoted-printable":
			body = quotedprintable.NewReader(p)
		}
		words, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			html = string(words)
		} else {
			plain = strings.ReplaceAll(string(words), "\r\n", "\n") + "\n"
		}
	}
}

// TestDelay: a win-back goes days after the end, dated then, however long an offer
// may wait by the house's rule; and not at all to who came back meanwhile.
func TestDelay(t *testing.T) {
	for _, back := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, storetest.SQLite(t))
			r, err := s.Hub.Routes(t.Context(), followtest.Workspace)
			s.Must(err)
			for _, r := range r {
				if r.ID != "rte_winback_canceled" {
					continue
				}
				r.Then[0].Delay = 4 * 24 * time.Hour // an offer waits three days by the house's rule
				s.Must(s.Hub.SaveRoute(t.Context(), r))
			}
			who := s.Person("JPN", token)
			s.Bought(who, monthly)
			wait(time.Second)
			s.Must(s.Renew(who, group, false))
			wait(31 * 24 * time.Hour)
			stop := s.lanes()
			wait(time.Minute)
			stop() // days that nobody watches
			m := s.last("winback_canceled")
			if m.Message.State != engawa.MessageWaiting || m.Message.NotBefore.Sub(m.Message.CreatedAt) < 4*24*time.Hour-time.Hour {
				t.Fatalf("%+v", m.Message)
			}
			before := len(s.inbox.Mails())
			if back {
				s.Bought(who, monthly)
			}
			wait(time.Until(m.Message.NotBefore) - time.Hour)
			s.run()
			wait(time.Hour - time.Minute)
			if len(s.inbox.Mails()) != before {
				t.Fatal("it went too soon")
			}
			wait(2 * time.Minute)
			m = s.last("winback_canceled")
			mails := s.inbox.Mails()
			if back {
				if m.Message.State != engawa.MessageRefused || len(mails) != before {
					t.Errorf("%s, %d mails", m.Message.State, len(mails)-before)
				}
				return
			}
			if m.Message.State != engawa.MessageSent || len(mails) != before+1 {
				t.Fatalf("%s: %+v", m.Message.State, m.Deliveries[0].Verdict)
			}
			sent, err := netmail.ReadMessage(bytes.NewReader(mails[before].Raw))
			s.Must(err)
			if at, err := sent.Header.Date(); err != nil || time.Since(at) > 3*time.Minute {
				t.Errorf("dated %v ago, %v", time.Since(at), err)
			}
		})
	}
}
