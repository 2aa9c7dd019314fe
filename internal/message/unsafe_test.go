package message_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestNothingToRead (B23): an advertisement is words under a label. One that is
// pictures alone, or of whose words empty variables left nothing, is refused and
// says why; calling it something else does not help; and no variable takes the
// label away, which is the hub's to put.
func TestNothingToRead(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newShop(t, url)
		ctx, now := t.Context(), time.Now()
		w, err := s.Store.Workspace(ctx, ws)
		s.must(err)
		w.Sender = engawa.SenderProfile{Name: "ひなた珈琲", Postal: "石川県金沢市1-1", Phone: "076-000-0000", Mail: "hello@hinata.example", Contact: "https://hinata.example/contact"}
		s.must(s.Store.ChangeWorkspace(ctx, w))
		s.Unsubscribe = func(m engawa.Message) string { return "https://hub.example/u/" + m.ID }
		s.must(s.Store.AddCustomer(ctx, store.NewCustomer{
			Customer:      engawa.Customer{Workspace: ws, ID: "cus_kr", Kind: "person", Name: "김민지", Locale: engawa.Korean, Country: "KR", CreatedAt: now},
			ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: "cp_kr", Customer: "cus_kr", Kind: "mail", Address: "minji@customer.example", VerifiedAt: now, CreatedAt: now}},
		}))
		for _, customer := range []string{"cus_1", "cus_kr"} {
			s.must(s.Store.Decide(ctx, engawa.Consent{
				Workspace: ws, ID: "cns_" + customer, Customer: customer, Controller: engawa.ControllerWorkspace, Act: engawa.ActContact, Purpose: engawa.Marketing, Given: true, At: now.Add(-time.Hour),
				Evidence: engawa.Evidence{Wording: "お知らせを受け取る", Version: "v1", Where: "signup", How: "checkbox"},
			}))
		}
		type words = engawa.Content
		const label, picture = "(광고) ", `<p><a href="https://shop.example"><img src="https://shop.example/ad.png" alt="(광고) 50% 할인"></a></p>`
		pictures, empty := "rules.unsafe_pictures", "rules.unsafe_empty"
		none := map[string]any{"label": "", "title": "", "body": ""}
		for name, c := range map[string]struct {
			purpose engawa.Purpose
			words   words
			vars    map[string]any
			refused string // empty: it goes, with this subject after the label
			subject string
		}{
			"words":                                          {engawa.Marketing, words{Subject: "새 원두", Text: "새 원두가 왔습니다"}, nil, "", "새 원두"},
			"words and a picture":                            {engawa.Marketing, words{Subject: "새 원두", HTML: picture + "<p>새 원두</p>"}, nil, "", "새 원두"},
			"a picture alone":                                {engawa.Marketing, words{Subject: "새 원두", HTML: picture}, nil, pictures, ""},
			"a picture, the words in another part":           {engawa.Marketing, words{Subject: "새 원두", Text: "새 원두가 왔습니다", HTML: picture}, nil, pictures, ""},
			"a picture and blanks":                           {engawa.Marketing, words{Subject: "새 원두", HTML: picture + "<p>&nbsp;&#8203;&#x3164; ---</p>"}, nil, pictures, ""},
			"a picture and words that are hidden":            {engawa.Marketing, words{Subject: "새 원두", HTML: "<title>새 원두</title><style>p{}</style>" + `<div style="display: none"><div>새</div> 원두</div><p hidden>새</p><span style="font-size:0px">원두</span>` + picture}, nil, pictures, ""},
			"a picture that is called service":               {engawa.Purpose("service"), words{Subject: "안내", HTML: picture}, nil, pictures, ""},
			"an advertisement in HTML alone, called service": {engawa.Purpose("service"), words{Subject: "안내", Text: "안내", HTML: "<p>쿠폰을 드립니다</p>"}, nil, "rules.one_click", ""},
			"no text is left":                                {engawa.Marketing, words{Subject: "새 원두", Text: "{{body}}\n{{title?}}\n"}, none, empty, ""},
			"no HTML is left":                                {engawa.Marketing, words{Subject: "새 원두", HTML: "<p>{{body}}</p>"}, none, pictures, ""},
			"no subject is left":                             {engawa.Marketing, words{Subject: "{{title?}}", Text: "새 원두가 왔습니다"}, none, empty, ""},
			"blanks are left":                                {engawa.Marketing, words{Subject: "새 원두", Text: "{{body}}"}, map[string]any{"body": " \u200b\u3164\n"}, empty, ""},
			"the label's variable is empty":                  {engawa.Marketing, words{Subject: "{{label}} 새 원두", Text: "새 원두가 왔습니다"}, none, "", "새 원두"},
			"the label's variable is missing":                {engawa.Marketing, words{Subject: "{{label?}} 새 원두", Text: "새 원두가 왔습니다"}, map[string]any{}, "", "새 원두"},
			"the label's variable is right":                  {engawa.Marketing, words{Subject: "{{label?}} 새 원두", Text: "새 원두가 왔습니다"}, map[string]any{"label": "(광고)"}, "", "새 원두"},
			"the label's variable is another":                {engawa.Marketing, words{Subject: "{{label}} 새 원두", Text: "새 원두가 왔습니다"}, map[string]any{"label": "[광고]"}, "rules.label_variant", ""},
			"the label by an empty variable":                 {engawa.Marketing, words{Subject: "(광{{label}}고) 새 원두", Text: "새 원두가 왔습니다"}, none, "", "새 원두"},
			"the label by a variable not seen":               {engawa.Marketing, words{Subject: "(광{{label}}고) 새 원두", Text: "새 원두가 왔습니다"}, map[string]any{"label": "\u200b"}, "rules.label_variant", ""},
		} {
			t.Run(name, func(t *testing.T) {
				r := message.Request{Workspace: ws, Customer: "cus_kr", Purpose: c.purpose, Trigger: engawa.ByUser, Content: c.words, Variables: c.vars, Chain: []engawa.Via{{Account: "acc_mail"}}}
				m := s.one(r)
				codes := refusals(m.Judged[0].Verdict)
				if c.refused != "" {
					if !slices.Contains(codes, c.refused) || slices.ContainsFunc(codes, func(code string) bool { return !strings.HasPrefix(code, "rules.") }) || m.Message.State != engawa.MessageRefused {
						t.Errorf("%s for %q, want %s", m.Message.State, codes, c.refused)
					}
					return
				}
				if len(codes) > 0 || m.Message.State != engawa.MessageWaiting || m.Message.Content.Subject != label+c.subject || !strings.Contains(m.Message.Content.Text, "https://hub.example/u/") {
					t.Errorf("%s for %q with subject %q", m.Message.State, codes, m.Message.Content.Subject)
				}
			})
		}
		for _, c := range []struct {
			name  string
			r     message.Request
			state engawa.MessageState
		}{
			{"a picture to a customer in Japan", message.Request{Customer: "cus_1", Purpose: engawa.Marketing, Content: words{Subject: "新しい豆", HTML: picture}}, engawa.MessageRefused},
			{"a service message whose text is empty", message.Request{Customer: "cus_1", Purpose: engawa.Service, Content: words{Subject: "受け付けました", Text: "…"}}, engawa.MessageWaiting},
			{"a picture to staff", message.Request{Destination: "dst_mail", Purpose: engawa.Service, Content: words{Subject: "写真", HTML: picture}}, engawa.MessageWaiting},
		} {
			c.r.Workspace, c.r.Trigger, c.r.Chain = ws, engawa.ByUser, []engawa.Via{{Account: "acc_mail"}}
			if m := s.one(c.r); m.Message.State != c.state {
				t.Errorf("%s: %s for %q", c.name, m.Message.State, refusals(m.Judged[0].Verdict))
			}
		}
	})
}

// one composes one message.
func (s *shop) one(r message.Request) store.NewMessage {
	s.t.Helper()
	ms, err := s.Compose(s.t.Context(), ws, []message.Request{r})
	s.must(err)
	return ms[0]
}

// refusals are the codes of the gates that refuse.
func refusals(v engawa.Verdict) (codes []string) {
	for _, g := range v.Gates {
		for _, r := range g.Reasons {
			if g.Outcome == engawa.Refuse {
				codes = append(codes, r.Code)
			}
		}
	}
	return codes
}
