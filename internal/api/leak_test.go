package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"mime/quotedprintable"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/danielgtaylor/huma/v2"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel/inapp"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// forms are the ways in which a text may stand in an answer, by name.
func forms(text string) map[string]string {
	wide := utf16.Encode([]rune(text))
	little, big := make([]byte, 0, 2*len(wide)), make([]byte, 0, 2*len(wide))
	var escaped, decimal, hexadecimal, percent strings.Builder
	for _, u := range wide {
		little, big = append(little, byte(u), byte(u>>8)), append(big, byte(u>>8), byte(u))
		fmt.Fprintf(&escaped, `\u%04x`, u)
	}
	for _, r := range text {
		decimal.WriteString("&#" + strconv.Itoa(int(r)) + ";")
		fmt.Fprintf(&hexadecimal, "&#x%x;", r)
	}
	for _, b := range []byte(text) {
		fmt.Fprintf(&percent, "%%%02X", b)
	}
	var quoted strings.Builder
	w := quotedprintable.NewWriter(&quoted)
	w.Write([]byte(text))
	w.Close()
	sum := sha256.Sum256([]byte(strings.ToLower(text)))
	return map[string]string{
		"plain": text, "upper case": strings.ToUpper(text), "URL": url.QueryEscape(text), "every byte percent-encoded": percent.String(),
		"quoted-printable": quoted.String(), "JSON escapes": escaped.String(), "HTML": html.EscapeString(text), "decimal entities": decimal.String(),
		"hexadecimal entities": hexadecimal.String(), "hexadecimal": hex.EncodeToString([]byte(text)), "UTF-16LE": string(little), "UTF-16BE": string(big),
		"base64, first alignment": aligned(text, 0), "base64, second alignment": aligned(text, 1), "base64, third alignment": aligned(text, 2),
		"SHA-256": hex.EncodeToString(sum[:]), "SHA-256 in base64": base64.StdEncoding.EncodeToString(sum[:]),
	}
}

// aligned is what every base64 text has in common that holds text behind skip
// bytes of something else.
func aligned(text string, skip int) string {
	whole := base64.StdEncoding.EncodeToString(append(make([]byte, skip), text...))
	whole = strings.TrimRight(whole, "=")
	return whole[[]int{0, 2, 3}[skip] : len(whole)-2]
}

// found names the canaries in an answer, and the form in which they stand there.
// Base64 for URLs and lower-case hexadecimal digits are folded into one form.
func found(answer string, canaries map[string]string) (names []string) {
	folded := strings.NewReplacer("-", "+", "_", "/").Replace(answer)
	lower := strings.ToLower(answer)
	for name, text := range canaries {
		for form, want := range forms(text) {
			if strings.Contains(answer, want) || strings.HasPrefix(form, "base64") && strings.Contains(folded, want) || strings.Contains(lower, strings.ToLower(want)) && !strings.HasPrefix(form, "base64") {
				names = append(names, name+" ("+form+")")
			}
		}
	}
	slices.Sort(names)
	return names
}

// TestFound plants each form of a canary and finds it.
func TestFound(t *testing.T) {
	canaries := map[string]string{"address": "leak.canary+shop@secret-house.example"}
	all := forms(canaries["address"])
	if len(all) < 12 {
		t.Errorf("%d forms", len(all))
	}
	for name, form := range all {
		if got := found(`{"x":"before `+form+` after"}`, canaries); !slices.Contains(got, "address ("+name+")") {
			t.Errorf("a leak as %s is not found: %v", name, got)
		}
	}
	for skip := range 3 {
		if text := base64.RawURLEncoding.EncodeToString([]byte("xyz"[:skip] + canaries["address"] + "tail")); len(found(text, canaries)) == 0 {
			t.Errorf("a leak in base64 behind %d bytes is not found", skip)
		}
	}
	if got := found(`{"subscriber":"sub_a5js57t0agfja7t6rcdhr7j420","detail":"there is no such subscriber"}`, canaries); len(got) > 0 {
		t.Errorf("found where nothing is: %v", got)
	}
}

// partnerSteps are the calls of a partner's operations, as TestWalk has the
// workspace's: each operation once at least. $handle is the canary's.
var partnerSteps = []step{
	{"partnerApps", "/v1/partner/apps", ""},
	{"partnerGrants", "/v1/partner/grants", ""},
	{"listSubscribers", "/v1/partner/apps/$app/subscribers?limit=1", ""},
	{"listSubscribers", "/v1/partner/apps/$app/subscribers?cursor=bm9uZQ", ""},
	{"listChanges", "/v1/partner/apps/$app/changes", ""},
	{"listChanges", "/v1/partner/apps/$app/changes?cursor=bm9uZQ", ""},
	{"getSubscriber", "/v1/partner/apps/$app/subscribers/$handle", ""},
	{"getSubscriber", "/v1/partner/apps/$app/subscribers/$customer", ""},
	{"checkAsPartner", "/v1/partner/messages:check", `{"to":{"subscriber":"$handle"},"purpose":"service","trigger":"automatic","content":{"subject":"s","text":"t"}}`},
	{"checkAsPartner", "/v1/partner/messages:check", `{"to":{"subscriber":"$handle"},"purpose":"marketing","trigger":"automatic","topic":"x","content":{"text":"t"},"channels":["mail"]}`},
	{"sendAsPartner", "/v1/partner/messages", `{"to":{"subscriber":"$handle"},"purpose":"notice","trigger":"automatic","content":{"text":"{{customer.name}} {{customer.id}}"}}`},
	{"sendAsPartner", "/v1/partner/messages", `{"to":{"subscriber":"$handle"},"purpose":"service","trigger":"user","content":{"subject":"s","text":"t"}}`},
	{"sendAsPartner", "/v1/partner/messages", `{"to":{"subscriber":"$customer"},"purpose":"service","trigger":"user","content":{"subject":"s","text":"t"}}`},
	{"sendAsPartner", "/v1/partner/messages", `{"to":{"subscriber":"$handle","customer":"$customer"},"purpose":"service","trigger":"user","content":{"text":"t"}}`},
	{"sendAsPartner", "/v1/partner/messages", `{"to":{"subscriber":"$handle"},"purpose":"service","trigger":"user","content":{"text":"t"},"channels":["acc_none"]}`},
	{"sendAsPartner", "/v1/partner/messages", `{"to":{"subscriber":"$handle"},"purpose":"service","trigger":"user","content":{"text":"t"},"not_before":"1970-01-01T00:00:00Z"}`},
	{"partnerMessages", "/v1/partner/messages?subscriber=$handle&limit=1", ""},
	{"partnerMessages", "/v1/partner/messages?app=$app&state=refused", ""},
	{"getPartnerMessage", "/v1/partner/messages/$message", ""},
	{"cancelPartnerMessage", "/v1/partner/messages/$message:cancel", ""},
	{"partnerReplies", "/v1/partner/replies", ""},
	{"addPartnerWebhook", "/v1/partner/webhooks", `{"url":"https://hooks.vendor.example/x"}`},
	{"addPartnerWebhook", "/v1/partner/webhooks", `{"url":"http://127.0.0.1/x"}`},
	{"partnerWebhooks", "/v1/partner/webhooks", ""},
	{"endPartnerWebhook", "/v1/partner/webhooks/$webhook", ""},
	{"endOwnGrant", "/v1/partner/grants/$spare:end", ""},
}

// partnerOperations are those that ask for a partner's token.
func (s *site) partnerOperations() map[string]*huma.Operation {
	all := map[string]*huma.Operation{}
	for _, item := range s.doc.Paths {
		for _, o := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if o != nil && len(o.Security) > 0 && o.Security[0]["partner"] != nil {
				all[o.OperationID] = o
			}
		}
	}
	return all
}

// answers makes every call, and returns all that a partner gets to see of it:
// status, header and body.
func (v *vendor) answers(ids map[string]string) string {
	v.t.Helper()
	operations := v.partnerOperations()
	walked := map[string]bool{}
	var seen strings.Builder
	for _, c := range partnerSteps {
		o := operations[c.id]
		if o == nil {
			v.t.Fatalf("the document has no operation %s", c.id)
		}
		walked[c.id] = true
		for _, locale := range []string{"en", "ja", "ko"} {
			seen.WriteString(v.raw(o.Method, fill(c.path, ids), fill(c.body, ids), locale))
		}
	}
	for id := range operations {
		if !walked[id] {
			v.t.Errorf("nothing walks %s: add it", id)
		}
	}
	return seen.String()
}

func (v *vendor) raw(method, path, body, locale string) string {
	v.t.Helper()
	req, err := http.NewRequest(method, v.url+path, strings.NewReader(body))
	v.must(err)
	req.Header.Set("Authorization", "Bearer "+v.token)
	req.Header.Set("Accept-Language", locale)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	v.must(err)
	defer res.Body.Close()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %d\n", method, path, res.StatusCode)
	v.must(res.Header.Write(&b))
	var text json.RawMessage
	v.must(json.NewDecoder(res.Body).Decode(&text))
	return b.String() + string(text) + "\n"
}

// TestPartnerLearnsNothing makes every call of a partner while its one subscriber
// is reachable, has bounced, is a minor, has withdrawn, and is erased; in nothing
// that it gets to see, and in no log, stands the subscriber's address, name, number
// or id, the address of a staff place, or the id or name of an account, in any form.
func TestPartnerLearnsNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, u string) {
		s := newSite(t, u)
		ctx := context.Background()
		canaries := map[string]string{
			"address": "leak.canary+shop@secret-house.example", "mailbox": "leak.canary", "name": "漏洩かなりあ", "number": "EXT-CANARY-7781",
			"customer": "cus_canary00000000000000000000", "contact point": "cp_canary000000000000000000000", "staff": "staff-canary@hinata.example", "account's name": "社内用メール",
			"account": "acc_mail", "bounce": "mailbox-of-canary is full",
		}
		s.must(s.st.AddCustomer(ctx, store.NewCustomer{
			Customer:      engawa.Customer{Workspace: "ws_one", ID: canaries["customer"], Kind: "person", Name: canaries["name"], Locale: engawa.Korean, Country: "KR", Zone: "Asia/Seoul", CreatedAt: time.Now()},
			Identities:    []engawa.Identity{{Issuer: "business", Kind: "member_number", Value: canaries["number"]}},
			ContactPoints: []engawa.ContactPoint{{Workspace: "ws_one", ID: canaries["contact point"], Customer: canaries["customer"], Kind: "mail", Address: engawa.Address(canaries["address"]), VerifiedAt: time.Now(), CreatedAt: time.Now()}},
		}))
		ac, err := s.st.Account(ctx, "ws_one", "acc_mail")
		s.must(err)
		ac.Name = canaries["account's name"]
		s.must(s.st.ChangeAccount(ctx, ac))
		s.made("/v1/destinations", fmt.Sprintf(`{"name":"d","account":"acc_mail","address":%q}`, canaries["staff"]))
		v := s.vendor("v", "")
		s.made("/v1/grants", fmt.Sprintf(`{"partner":%q,"scopes":["*"],"apps":["*"],"channels":["*"],"purposes":["*"]}`, v.id))
		handle := v.subscribe(canaries["customer"])
		_, sent, _ := v.says(handle, "service")
		ids := map[string]string{"app": v.app, "handle": handle, "customer": "cus_none", "message": sent["id"].(string), "webhook": "acc_none", "spare": "grt_none"}
		look := func(when string) {
			t.Helper()
			s.step()
			answer := v.answers(ids)
			if !strings.Contains(answer, v.app) || strings.Count(answer, ": 200\n") < 6 {
				t.Fatalf("%s: the calls see nothing:\n%.2000s", when, answer)
			}
			for _, leak := range found(answer, canaries) {
				t.Errorf("%s: %s is in what the partner sees", when, leak)
			}
		}
		look("reachable")
		s.must(s.st.Suppress(ctx, engawa.Suppression{Workspace: "ws_one", Channel: "mail", Address: engawa.Address(canaries["address"]), Customer: canaries["customer"], Reason: "bounced", At: time.Now()}))
		look("bounced")
		s.ok("PATCH", "/v1/customers/"+canaries["customer"], `{"minor":true}`)
		look("a minor")
		s.must(s.st.Decide(ctx, engawa.Consent{
			Workspace: "ws_one", ID: "cns_canary", Customer: canaries["customer"], Controller: v.id, Act: engawa.ActContact, Purpose: engawa.Service, At: time.Now(),
			Evidence: engawa.Evidence{Where: canaries["bounce"]},
		}))
		look("withdrawn")
		s.ok("POST", "/v1/customers/"+canaries["customer"]+":erase", "")
		look("erased")
		delete(canaries, "customer") // ids are what logs are read by
		delete(canaries, "account")
		delete(canaries, "contact point")
		for _, leak := range found(s.log.String(), canaries) {
			t.Errorf("%s is in the log", leak)
		}
	})
}

// TestAppLearnsNoAddress makes every call that an app can make while its customer is
// reachable, has bounced, has withdrawn, and is erased: in nothing that the device
// gets to see stands an address of the customer, in any form. What it bought and what
// was said to it is there.
func TestAppLearnsNoAddress(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		ctx := t.Context()
		compose, stop := s.hand()
		defer stop()
		who := s.Person("JPN", account)
		club, beans := s.Bought(who, "club"), s.Bought(who, "beans")
		for range 2 {
			s.enter(s.signed(club), s.signed(beans))
		}
		customer := s.Purchase(club).Customer
		canaries := map[string]string{
			"address": "leak.canary+shop@secret-house.example", "mailbox": "leak.canary", "chat": "room-canary-7781", "contact point": "cp_canary000000000000000000000",
			"customer": customer, "in the app": inapp.Address(followtest.AppID, customer).Reveal(),
		}
		for kind, address := range map[string]string{"mail": "address", "telegram": "chat"} {
			s.Must(s.Hub.AddContactPoint(ctx, engawa.ContactPoint{
				Workspace: followtest.Workspace, ID: canaries["contact point"] + kind, Customer: customer, Kind: kind, Address: engawa.Address(canaries[address]), VerifiedAt: time.Now(), CreatedAt: time.Now(),
			}))
		}
		a, err := s.Hub.Account(ctx, followtest.Workspace, followtest.AccountID)
		s.Must(err)
		a.Settings["signed_offers"] = "club stay active canceled"
		s.Must(s.Hub.ChangeAccount(ctx, a))
		s.pool(1)
		_, err = compose.Accept(ctx, followtest.Workspace, []message.Request{{
			Workspace: followtest.Workspace, Customer: customer, Purpose: engawa.Service, Trigger: engawa.ByAutomatic, Chain: []engawa.Via{{Account: "acc_app"}},
			Content: engawa.Content{Subject: "特典", Text: "{{offer.link:thanks}}"}, Variables: map[string]any{},
		}})
		s.Must(err)
		wait(time.Minute)
		told := s.ask("GET", "/v1/app/messages", "")["messages"].([]any)
		if len(told) != 1 {
			t.Fatalf("%v", told)
		}
		app, err := s.AppOnDevice(who, device)
		s.Must(err)
		ids := map[string]string{"message": told[0].(map[string]any)["id"].(string), "beans": beans, "customer": customer}
		steps := []step{
			{"enterApp", "/v1/app/transactions", shows(s.signed(club), s.signed(beans))},
			{"enterApp", "/v1/app/transactions", fmt.Sprintf(`{"app_transaction":%q,"device":%q}`, app, device)},
			{"enterApp", "/v1/app/transactions", phoneBodies["enterApp"]},
			{"appPurchases", "/v1/app/purchases", ""},
			{"signOffer", "/v1/app/offers:sign", phoneBodies["signOffer"]},
			{"signOffer", "/v1/app/offers:sign", `{"product":"club","offer":"none"}`},
			{"signIntro", "/v1/app/introductory-offers:sign", phoneBodies["signIntro"]},
			{"appCodes", "/v1/app/offer-codes", ""},
			{"appMessages", "/v1/app/messages", ""},
			{"seeMessage", "/v1/app/messages/$message:seen", ""},
			{"seeMessage", "/v1/app/messages/$customer:seen", ""},
			{"tellReason", "/v1/app/cancel-reason", phoneBodies["tellReason"]},
			{"tellReason", "/v1/app/cancel-reason", `{"reason":"because"}`},
			{"tellUsage", "/v1/app/usage", phoneBodies["tellUsage"]},
			{"tellUsage", "/v1/app/usage", `{"transaction_id":"$beans","played_seconds":1}`},
			{"tellUsage", "/v1/app/usage", `{"product":"nothing","played_seconds":1}`},
		}
		operations := map[string]*huma.Operation{}
		for path, item := range s.doc.Paths {
			for _, o := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
				if o != nil && strings.HasPrefix(path, "/v1/app/") {
					operations[o.OperationID] = o
				}
			}
		}
		look := func(when string, works int) {
			t.Helper()
			worked := map[string]bool{}
			for _, c := range steps {
				o := operations[c.id]
				if o == nil {
					t.Fatalf("the app has no operation %s", c.id)
				}
				for _, locale := range []string{"en", "ja", "ko"} {
					w := s.do(o.Method, fill(c.path, ids), s.key, fill(c.body, ids), locale)
					if w.Code/100 == 2 {
						worked[c.id] = true
					}
					var seen strings.Builder
					s.Must(w.Header().Write(&seen))
					seen.WriteString(w.Body.String())
					for _, leak := range found(seen.String(), canaries) {
						t.Errorf("%s: %s is in what %s answers: %s", when, leak, c.id, w.Body)
					}
				}
				wait(time.Second) // more calls in a row are refused
			}
			if len(worked) != works {
				t.Errorf("%s: only %v answered", when, worked)
			}
		}
		look("reachable", len(operations))
		s.Must(s.Hub.Suppress(ctx, engawa.Suppression{Workspace: followtest.Workspace, Channel: "mail", Address: engawa.Address(canaries["address"]), Customer: customer, Reason: "bounced", At: time.Now()}))
		look("bounced", len(operations))
		s.Must(s.Hub.Decide(ctx, engawa.Consent{
			Workspace: followtest.Workspace, ID: "cns_canary", Customer: customer, Controller: engawa.ControllerWorkspace, Act: engawa.ActContact, Purpose: engawa.Service, At: time.Now(),
			Evidence: engawa.Evidence{Where: canaries["address"]},
		}))
		look("withdrawn", len(operations))
		_, err = s.Hub.Erase(ctx, followtest.Workspace, customer)
		s.Must(err)
		look("erased", 1) // who comes back in person comes in anew; the session is the erased customer's
	})
}

// TestPartnerScopes walks a partner's operations with tokens of one scope: of
// others than its own each is forbidden, and without a token nobody is let in.
func TestPartnerScopes(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	v := s.vendor("v", "")
	all := []string{"apps:read", "messages:read", "messages:send", "subscribers:read"}
	token := map[string]string{}
	for _, scope := range all {
		_, _, out := s.form(v.asks(v.secret, "scope", scope))
		token[scope] = out["access_token"].(string)
	}
	ids := map[string]string{"app": v.app, "handle": "sub_none", "customer": "cus_none", "message": "msg_none", "webhook": "acc_none", "spare": "grt_none"}
	for _, c := range partnerSteps {
		o := s.partnerOperations()[c.id]
		own := o.Security[0]["partner"]
		if status, _, _ := s.do(o.Method, fill(c.path, ids), "", fill(c.body, ids)); status != 401 {
			t.Errorf("%s without a token: %d", c.id, status)
		}
		for _, scope := range all {
			status, _, _ := s.do(o.Method, fill(c.path, ids), token[scope], fill(c.body, ids))
			if forbidden := len(own) > 0 && own[0] != scope; (status == 403) != forbidden {
				t.Errorf("%s with %s: %d", c.id, scope, status)
			}
		}
	}
}

// TestOthersAreUnknown: what is another partner's, what ended and what never was are
// answered alike, but for the id that was asked for: status, header and body, in every
// language, whatever a partner may do with it. What is another's is as it was.
func TestOthersAreUnknown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, u string) {
		s := newSite(t, u)
		ctx := t.Context()
		v, w := s.vendor("v", ""), s.vendor("w", "")
		handle := w.subscribe("cus_one")
		_, sent, _ := w.says(handle, "service")
		_, hook, _ := s.do("POST", "/v1/partner/webhooks", w.token, `{"url":"https://hooks.vendor.example/x"}`)
		ended := v.subscribe("cus_one")
		s.must(s.st.LeaveApp(ctx, store.List{Workspace: "ws_one", Partner: v.id, App: v.app}, "cus_one", engawa.Evidence{}))
		theirs := map[string]string{"handle": handle, "message": sent["id"].(string), "webhook": hook["id"].(string), "grant": w.grant, "app": w.app}
		nobodys := map[string]string{}
		for name, prefix := range map[string]string{"handle": engawa.PrefixHandle, "message": engawa.PrefixMessage, "webhook": engawa.PrefixAccount, "grant": engawa.PrefixGrant, "app": engawa.PrefixApp} {
			nobodys[name] = engawa.NewID(prefix)
		}
		over := maps.Clone(nobodys)
		over["handle"] = ended
		before := w.state(theirs)
		date := regexp.MustCompile(`(?m)^Date: .*$`)
		for _, c := range []struct{ method, path, body string }{
			{"GET", "/v1/partner/apps/" + v.app + "/subscribers/$handle", ""},
			{"GET", "/v1/partner/apps/$app/subscribers", ""},
			{"GET", "/v1/partner/apps/$app/subscribers/$handle", ""},
			{"GET", "/v1/partner/apps/$app/changes", ""},
			{"POST", "/v1/partner/messages:check", `{"to":{"subscriber":"$handle"},"purpose":"service","trigger":"user","content":{"text":"t"}}`},
			{"POST", "/v1/partner/messages", `{"to":{"subscriber":"$handle"},"purpose":"marketing","trigger":"automatic","content":{"text":"t"},"channels":["mail"]}`},
			{"GET", "/v1/partner/messages?subscriber=$handle", ""},
			{"GET", "/v1/partner/messages?app=$app", ""},
			{"GET", "/v1/partner/messages/$message", ""},
			{"POST", "/v1/partner/messages/$message:cancel", ""},
			{"DELETE", "/v1/partner/webhooks/$webhook", ""},
			{"POST", "/v1/partner/grants/$grant:end", ""},
		} {
			for _, locale := range []string{"en", "ja", "ko"} {
				said := func(ids map[string]string) string {
					answer := v.raw(c.method, fill(c.path, ids), fill(c.body, ids), locale)
					for name, id := range ids {
						answer = strings.ReplaceAll(answer, id, name)
					}
					return date.ReplaceAllString(answer, "")
				}
				want := said(nobodys)
				if foreign, past := said(theirs), said(over); foreign != want || past != want {
					t.Errorf("%s %s: what never was is answered\n%s\nwhat is another's\n%s\nwhat ended\n%s", c.method, c.path, want, foreign, past)
				}
			}
		}
		if after := w.state(theirs); after != before {
			t.Errorf("another partner's things were\n%s\nand are\n%s", before, after)
		}
	})
}

// state is how a partner sees its own things.
func (v *vendor) state(ids map[string]string) (all string) {
	for _, path := range []string{"apps/$app/subscribers/$handle", "messages/$message", "webhooks", "grants"} {
		_, _, text := v.do("GET", fill("/v1/partner/"+path, ids), v.token, "")
		all += text + "\n"
	}
	return all
}
