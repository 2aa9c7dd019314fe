package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/api"
	appstoresim "github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// step is one call of an operation by who may make it. $name stands for the id
// of a thing of the workspace.
type step struct{ id, path, body string }

const oneRoute = `{"name":"r","enabled":true,"events":["contract.*"],"then":[{"to":"$destination","template":"$template","purpose":"service","via":[{"account":"$account"}]}]}`

const ownType = `{"names":{"ja":"発送しました","ko":"발송했습니다","en":"Shipped"},"schema":{"type":"object","properties":{"order":{"type":"string"}},"required":["order"]},"sample":{"order":"7"}}`

// walk calls every operation once, in an order that works.
var walk = []step{
	{"postEvents", "/v1/events", `{"id":"walk","type":"contract.terminated","subject":"s","customer":"cus_nobody","occurred_at":"2026-11-01T00:00:00Z","identities":[{"issuer":"business","kind":"member_number","value":"A-1"}],"data":{"a":{"b":1}}}`},
	{"listEvents", "/v1/events", ""},
	{"getEvent", "/v1/events/$event", ""},
	{"listEventTypes", "/v1/event-types", ""},
	{"getEventType", "/v1/event-types/$ownType", ""},
	{"saveEventType", "/v1/event-types/shop.walked", ownType},
	{"endEventType", "/v1/event-types/$ownType", ""},
	{"sendMessage", "/v1/messages", `{"to":{"customer":"$customer"},"purpose":"service","trigger":"user","content":{"subject":"s","text":"t"},"channels":["mail"]}`},
	{"checkMessage", "/v1/messages:check", `{"to":{"customer":"$customer"},"purpose":"service","trigger":"user","content":{"subject":"s","text":"t"},"channels":["mail"]}`},
	{"listMessages", "/v1/messages", ""},
	{"getMessage", "/v1/messages/$message", ""},
	{"cancelMessage", "/v1/messages/$message:cancel", ""},
	{"resolveDelivery", "/v1/deliveries/$delivery:resolve", `{"arrived":true}`},
	{"listCustomers", "/v1/customers", ""},
	{"addCustomer", "/v1/customers", `{"kind":"contract","name":"n"}`},
	{"findCustomers", "/v1/customers:find", `{"identity":{"issuer":"business","kind":"member_number","value":"A-1"}}`},
	{"getCustomer", "/v1/customers/$customer", ""},
	{"listContactPoints", "/v1/customers/$customer/contact-points", ""},
	{"addContactPoint", "/v1/customers/$customer/contact-points", `{"kind":"mail","address":"b@customer.example"}`},
	{"changeCustomer", "/v1/customers/$customer", `{"name":"佐藤"}`},
	{"listSuppressions", "/v1/suppressions", ""},
	{"liftSuppression", "/v1/suppressions:lift", `{"of":"$point","reason":"bounced","why":"電話で確かめた"}`},
	{"endContactPoint", "/v1/customers/$twin/contact-points/$point:end", ""},
	{"mergeCustomer", "/v1/customers/$customer:merge", `{"from":"$twin"}`},
	{"eraseCustomer", "/v1/customers/$gone:erase", ""},
	{"listConsents", "/v1/customers/$customer/consents", ""},
	{"addConsent", "/v1/customers/$customer/consents", `{"act":"contact","purpose":"marketing","given":false}`},
	{"getReceipt", "/v1/consents/$consent/receipt?app=$app", ""},
	{"askConsent", "/v1/consent-links", `{"customer":"$customer","purposes":["notice"],"channels":["mail"],"where":"shop"}`},
	{"linkOwnPage", "/v1/customers/$customer:page", ""},
	{"addWording", "/v1/consent-wordings", `{"act":"contact","purpose":"notice","words":{"ja":"受け取る","ko":"받기","en":"Get it"}}`},
	{"listWordings", "/v1/consent-wordings", ""},
	{"getTimeline", "/v1/customers/$customer/timeline", ""},
	{"tagCustomer", "/v1/customers/$customer:tag", `{"set":["VIP"]}`},
	{"getTags", "/v1/customers/$customer/tags", ""},
	{"listTags", "/v1/tags", ""},
	{"listSegments", "/v1/segments", ""},
	{"addSegment", "/v1/segments", `{"name":"常連","where":{"all":[{"is":"tag","value":"vip"}]}}`},
	{"getSegment", "/v1/segments/$segment", ""},
	{"changeSegment", "/v1/segments/$segment", `{"version":1,"name":"n","where":{"is":"active","days":30}}`},
	{"countCustomers", "/v1/segments:count", `{"where":{"any":[{"is":"locale","value":"ja"},{"not":true,"is":"minor"}]}}`},
	{"listSelected", "/v1/segments/$segment/customers", ""},
	{"segmentsOf", "/v1/customers/$customer/segments", ""},
	{"startBroadcast", "/v1/broadcasts", `{"name":"春","segment":"$segment","purpose":"notice","words":{"ja":{"subject":"春","text":"春です"}},"channels":["mail"]}`},
	{"checkBroadcast", "/v1/broadcasts:check", `{"name":"春","where":{},"purpose":"notice","template":"$template","channels":["mail"]}`},
	{"listBroadcasts", "/v1/broadcasts", ""},
	{"getBroadcast", "/v1/broadcasts/$broadcast", ""},
	{"pauseBroadcast", "/v1/broadcasts/$broadcast:pause", ""},
	{"resumeBroadcast", "/v1/broadcasts/$broadcast:resume", ""},
	{"stopBroadcast", "/v1/broadcasts/$broadcast:stop", ""},
	{"endSegment", "/v1/segments/$segment", ""},
	{"listNotes", "/v1/customers/$customer/notes", ""},
	{"addNote", "/v1/customers/$customer/notes", `{"text":"電話あり"}`},
	{"listPurchases", "/v1/customers/$buyer/purchases", ""},
	{"getPurchase", "/v1/purchases/$purchase", ""},
	{"getEntitlements", "/v1/customers/$buyer/entitlements", ""},
	{"extendPurchase", "/v1/purchases/$purchase:extend", `{"days":7,"reason":"customer_satisfaction"}`},
	{"listExtensions", "/v1/extensions?customer=$buyer", ""},
	{"extendAll", "/v1/extensions", `{"account":"$shop","product":"monthly","days":3,"reason":"service_issue","request_id":"5c0e3f2a-7a3b-4f0e-9d55-0a3c1b7e9f10"}`},
	{"getExtension", "/v1/extensions/$extension", ""},
	{"lookExtension", "/v1/extensions/$extension:look", ""},
	{"listIdentities", "/v1/identities?customer=$customer", ""},
	{"addIdentity", "/v1/identities", `{"customer":"$customer","issuer":"business","kind":"member_number","value":"A-2"}`},
	{"endIdentity", "/v1/identities:end", `{"customer":"$customer","issuer":"business","kind":"member_number","value":"A-2"}`},
	{"listSubscriptions", "/v1/subscriptions", ""},
	{"saveSubscription", "/v1/subscriptions", `{"customer":"$customer","app":"$app","product":"p","state":"expired","starts_at":"2026-01-01T00:00:00Z"}`},
	{"endSubscription", "/v1/subscriptions/$contract:end", ""},
	{"getSubscriptionCertificate", "/v1/subscriptions/$over/certificate", ""},
	{"listRefunds", "/v1/refunds", ""},
	{"getRefund", "/v1/refunds/$refund", ""},
	{"answerRefund", "/v1/refunds/$refund:answer", `{"ignore":true,"reason":"rules"}`},
	{"tellConsumption", "/v1/consumption", `{"customer":"$customer","percentage":37.5}`},
	{"listKinds", "/v1/kinds", ""},
	{"listAccounts", "/v1/accounts", ""},
	{"addAccount", "/v1/accounts", `{"kind":"chatwork","name":"n","settings":{"token":"s3cret-canary"}}`},
	{"getAccount", "/v1/accounts/$account", ""},
	{"listCustody", "/v1/custody", ""},
	{"changeAccount", "/v1/accounts/$account", `{"version":1,"custodian":"B"}`},
	{"testAccount", "/v1/accounts/$account:test", `{"destination":"$destination"}`},
	{"listDestinations", "/v1/destinations", ""},
	{"addDestination", "/v1/destinations", `{"name":"n","account":"$account","address":"staff2@hinata.example"}`},
	{"getDestination", "/v1/destinations/$destination", ""},
	{"endDestination", "/v1/destinations/$spare:end", ""},
	{"listLanes", "/v1/lanes", ""},
	{"resumeLane", "/v1/lanes/$account:resume", ""},
	{"listRoutes", "/v1/routes", ""},
	{"addRoute", "/v1/routes", oneRoute},
	{"tryRoute", "/v1/routes:try", oneRoute},
	{"getRoute", "/v1/routes/$route", ""},
	{"changeRoute", "/v1/routes/$route", strings.Replace(oneRoute, "{", `{"version":1,`, 1)},
	{"listRouteVersions", "/v1/routes/$route/versions", ""},
	{"tryStoredRoute", "/v1/routes/$route:try", ""},
	{"listTemplates", "/v1/templates", ""},
	{"addTemplate", "/v1/templates", `{"name":"t","words":{"ja":{"subject":"件名","text":"本文"}}}`},
	{"getTemplate", "/v1/templates/$template", ""},
	{"changeTemplate", "/v1/templates/$template", `{"version":1,"name":"t","words":{"ko":{"subject":"제목","text":"본문"}}}`},
	{"listWebhooks", "/v1/webhooks", ""},
	{"addWebhook", "/v1/webhooks", `{"url":"https://hooks.hinata.example/x","events":["payment.*"],"condition":"event.data.amount > 1"}`},
	{"getWebhook", "/v1/webhooks/$webhook", ""},
	{"replayWebhook", "/v1/webhooks/$webhook:replay", `{"from":"2026-11-01T00:00:00Z","to":"2026-11-30T00:00:00Z"}`},
	{"listReplays", "/v1/webhooks/$webhook/replays", ""},
	{"getReplay", "/v1/replays/$replay", ""},
	{"stopReplay", "/v1/replays/$replay:stop", ""},
	{"endWebhook", "/v1/webhooks/$hook", ""},
	{"listApps", "/v1/apps", ""},
	{"addApp", "/v1/apps", `{"name":"a","partner":"$partner"}`},
	{"getApp", "/v1/apps/$app", ""},
	{"addAppKey", "/v1/apps/$app/keys", `{"name":"iOS"}`},
	{"listPartners", "/v1/partners", ""},
	{"addPartner", "/v1/partners", `{"name":"p","sender":{"name":"p","postal":"","phone":"","mail":"","contact":""}}`},
	{"getPartner", "/v1/partners/$partner", ""},
	{"addSecret", "/v1/partners/$partner/secrets", `{}`},
	{"stopPartner", "/v1/partners/$partner:stop", `{"why":"確かめる"}`},
	{"liftPartner", "/v1/partners/$partner:lift", `{"why":"話して直した"}`},
	{"endPartner", "/v1/partners/$leaver:end", ""},
	{"getPartnerCertificate", "/v1/partners/$past/certificate", ""},
	{"listGrants", "/v1/grants", ""},
	{"addGrant", "/v1/grants", `{"partner":"$partner","scopes":["messages:send"],"apps":["$app"],"channels":["mail"],"purposes":["service"]}`},
	{"getGrant", "/v1/grants/$grant", ""},
	{"endGrant", "/v1/grants/$grant:end", ""},
	{"listTasks", "/v1/tasks", ""},
	{"addTask", "/v1/tasks", `{"title":"電話する","customer":"$customer","to_type":[{"name":"mail","text":"hana@customer.example"}]}`},
	{"getTask", "/v1/tasks/$task", ""},
	{"changeTask", "/v1/tasks/$task", `{"due_at":"2026-12-24T00:00:00Z"}`},
	{"assignTask", "/v1/tasks/$task:assign", `{"assignee":"mem_one"}`},
	{"noteTask", "/v1/tasks/$task:note", `{"text":"メモ"}`},
	{"finishTask", "/v1/tasks/$task:done", ""},
	{"reopenTask", "/v1/tasks/$task:reopen", ""},
	{"listOffers", "/v1/offers", ""},
	{"addOffer", "/v1/offers", `{"account":"$store","name":"春","offer":"spring","ends_at":"2126-01-01T00:00:00Z","word":"HARU2026"}`},
	{"getOffer", "/v1/offers/$offer", ""},
	{"importOffer", "/v1/offers/$offer:import", `{"file":"Code\nABCDEF1234\n"}`},
	{"handOutOffer", "/v1/offers/$offer:hand-out", `{"customer":"$customer","reason":"apology"}`},
	{"fetchOffer", "/v1/offers/$offer:fetch", `{"make":2}`},
	{"closeOffer", "/v1/offers/$offer:close", ""},
	{"getWorkspace", "/v1/workspace", ""},
	{"changeWorkspace", "/v1/workspace", `{"house":{"cap_per_day":3,"cap_per_sender":1,"markets":["JP","KR"]}}`},
	{"saveProduct", "/v1/products/club.monthly", `{"name":"月額","entitlements":["premium"]}`},
	{"listProducts", "/v1/products", ""},
	{"switchPack", "/v1/rules/us", `{"on":false,"reason":"アメリカには送らない","version":0,"sure":true}`},
	{"listPacks", "/v1/rules", ""},
	{"tryPack", "/v1/rules/kr/trial?on=false&days=7", ""},
	{"forgetProduct", "/v1/products/club.monthly", ""},
	{"listKeys", "/v1/keys", ""},
	{"addKey", "/v1/keys", `{"name":"k","scopes":["keys:write"]}`},
	{"revokeKey", "/v1/keys/$key:revoke", ""},
}

// untrailed are the operations, beside those that only read, which leave no
// line in the audit trail: facts that tell themselves who brought them, and when,
// and what only asks.
var untrailed = []string{
	"postEvents", "sendMessage", "testAccount", "addCustomer", "addContactPoint", "addIdentity", "saveSubscription", "tellConsumption",
	"checkMessage", "findCustomers", "tryRoute", "tryStoredRoute", "countCustomers", "checkBroadcast",
}

// trail counts the lines of the audit trail.
func (s *site) trail() int {
	s.t.Helper()
	lines, err := s.st.Audits(s.t.Context(), "ws_one", store.AuditFilter{}, store.Page{Limit: 200})
	s.must(err)
	return len(lines)
}

// TestWalk: every operation of the document, without a key, with every scope
// but its own, from another workspace, and by who may. Answers are held against
// the document on the way (site.conforms).
func TestWalk(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		ids := s.seed()
		todo := s.documented()
		for _, c := range walk {
			o, ok := todo[c.id]
			if !ok {
				t.Fatalf("the document has no operation %s, or it was walked already", c.id)
			}
			delete(todo, c.id)
			path, body := fill(c.path, ids), fill(c.body, ids)
			if status, out, _ := s.do(o.Method, path, "", body); status != 401 || out["code"] != "unauthorized" {
				t.Errorf("%s without a key: %d", c.id, status)
			}
			scope := o.Security[0]["key"][0]
			if status, _, text := s.do(o.Method, path, s.keyOf(allBut(scope)...), body); status != 403 {
				t.Errorf("%s with every scope but %s: %d %s", c.id, scope, status, text)
			}
			s.stranger(c, o, ids)
			before := s.trail()
			if status, _, text := s.do(o.Method, path, s.keyOf(scope), body); status/100 != 2 {
				t.Errorf("%s with %s alone: %d %s", c.id, scope, status, text)
			}
			if wrote := s.trail() > before; wrote == (o.Method == "GET" || slices.Contains(untrailed, c.id)) {
				t.Errorf("%s: written into the audit trail: %v", c.id, wrote)
			}
		}
		for id := range todo {
			t.Errorf("nothing walks %s: add it", id)
		}
		if strings.Contains(s.log.String(), "canary") {
			t.Errorf("a secret or an address is in the log: %s", s.log)
		}
	})
}

// stranger calls with a key of another workspace: what is named is there for
// nobody, and a list shows nothing of it.
func (s *site) stranger(c step, o *huma.Operation, ids map[string]string) {
	s.t.Helper()
	path, body := fill(c.path, ids), fill(c.body, ids)
	status, _, text := s.do(o.Method, path, s.other, body)
	if !strings.Contains(c.path+c.body, "$") {
		for name, id := range ids {
			if strings.Contains(text, id) {
				s.t.Errorf("%s shows another workspace's %s", c.id, name)
			}
		}
		return
	}
	nobody := map[string]string{}
	for name, id := range ids {
		nobody[name] = regexp.MustCompile(`[0-9a-z]+$`).ReplaceAllStringFunc(id, func(s string) string { return strings.Repeat("0", len(s)) })
	}
	noStatus, _, noText := s.do(o.Method, fill(c.path, nobody), s.other, fill(c.body, nobody))
	for _, name := range slices.Sorted(maps.Keys(ids)) {
		text = strings.ReplaceAll(text, `"`+ids[name]+`\"`, "$"+name+`\"`)
		noText = strings.ReplaceAll(noText, `"`+nobody[name]+`\"`, "$"+name+`\"`)
	}
	want := 404
	if slices.Contains([]string{"addRoute", "tryRoute", "addGrant", "startBroadcast", "checkBroadcast"}, c.id) {
		want = 400 // a part of the body names what is not there
	}
	if status != want || noStatus != want || text != noText {
		s.t.Errorf("%s of another workspace: %d %s\nof nobody: %d %s", c.id, status, text, noStatus, noText)
	}
}

// documented is every operation that asks for a key of the workspace.
func (s *site) documented() map[string]*huma.Operation {
	all := map[string]*huma.Operation{}
	for _, item := range s.doc.Paths {
		for _, o := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete, item.Head} {
			if o != nil && len(o.Security) > 0 && o.Security[0]["key"] != nil { // devices' are walked by TestApp…
				all[o.OperationID] = o
			}
		}
	}
	return all
}

func fill(text string, ids map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(ids)) {
		text = strings.ReplaceAll(text, "$"+name, ids[name])
	}
	return text
}

func allBut(scope string) (scopes []string) {
	for _, n := range access.Scopes {
		if string(n.Scope) != scope {
			scopes = append(scopes, string(n.Scope))
		}
	}
	return scopes
}

func (s *site) keyOf(scopes ...string) string {
	s.t.Helper()
	key, err := api.NewKey(s.t.Context(), s.st, "ws_one", "narrow", scopes...)
	s.must(err)
	return key.Reveal()
}

// made posts something and returns its id.
func (s *site) made(path, body string) string {
	s.t.Helper()
	status, out, text := s.do("POST", path, s.key, body)
	id, ok := out["id"].(string)
	if status/100 != 2 || !ok {
		s.t.Fatalf("%s: %d %s", path, status, text)
	}
	return id
}

// seed makes one of each thing in the workspace.
func (s *site) seed() map[string]string {
	s.t.Helper()
	ids := map[string]string{"customer": "cus_one", "account": "acc_mail"}
	s.shop(ids)
	ids["event"] = s.made("/v1/events", `{"id":"seed","type":"contract.terminated"}`)
	ids["destination"] = s.made("/v1/destinations", `{"name":"d","account":"acc_mail","address":"staff@hinata.example"}`)
	ids["spare"] = s.made("/v1/destinations", `{"name":"d","account":"acc_mail","address":"spare@hinata.example"}`)
	ids["consent"] = s.made("/v1/customers/"+ids["customer"]+"/consents", `{"act":"contact","purpose":"notice","given":false}`)
	ids["twin"] = s.made("/v1/customers", `{"kind":"person","name":"田中"}`)
	ids["point"] = s.made("/v1/customers/"+ids["twin"]+"/contact-points", `{"kind":"mail","address":"twin@customer.example"}`)
	s.must(s.st.Suppress(s.t.Context(), engawa.Suppression{Workspace: "ws_one", Channel: "mail", Address: "twin@customer.example", Reason: "bounced", At: time.Now()}))
	ids["webhook"] = s.made("/v1/webhooks", `{"url":"https://hooks.hinata.example/x","events":["*"]}`)
	ids["hook"] = s.made("/v1/webhooks", `{"url":"https://hooks.hinata.example/y","events":["*"]}`)
	ids["replay"] = s.made("/v1/webhooks/"+ids["hook"]+":replay", `{"from":"2026-11-01T00:00:00Z","to":"2026-11-30T00:00:00Z"}`)
	ids["gone"] = s.made("/v1/customers", `{"kind":"person","name":"鈴木"}`)
	ids["delivery"] = s.unknown()
	ids["message"] = s.made("/v1/messages", `{"to":{"customer":"cus_one"},"purpose":"service","trigger":"user","content":{"subject":"s","text":"t"},"channels":["mail"],"not_before":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
	ids["partner"] = s.made("/v1/partners", `{"name":"p","sender":{"name":"p","postal":"x","phone":"","mail":"","contact":""}}`)
	ids["leaver"] = s.made("/v1/partners", `{"name":"q","sender":{"name":"q","postal":"x","phone":"","mail":"","contact":""}}`)
	ids["past"] = s.made("/v1/partners", `{"name":"r","sender":{"name":"r","postal":"x","phone":"","mail":"","contact":""}}`)
	s.ok("POST", "/v1/partners/"+ids["past"]+":end", "")
	ids["app"] = s.made("/v1/apps", `{"name":"a"}`)
	ids["grant"] = s.made("/v1/grants", fill(`{"partner":"$partner","scopes":["messages:send"],"apps":["*"],"channels":["*"],"purposes":["*"]}`, ids))
	ids["store"], ids["offer"] = s.stocked()
	ids["template"] = s.made("/v1/templates", `{"name":"t","words":{"en":{"subject":"s","text":"t"}}}`)
	ids["segment"] = s.made("/v1/segments", `{"name":"常連","where":{"is":"tag","value":"vip"}}`)
	ids["broadcast"] = s.made("/v1/broadcasts", fill(`{"name":"春","segment":"$segment","purpose":"notice","template":"$template","channels":["mail"]}`, ids))
	ids["route"] = s.made("/v1/routes", fill(oneRoute, ids))
	ids["ownType"] = "shop.seeded"
	if status, _, text := s.do("PUT", "/v1/event-types/"+ids["ownType"], s.key, ownType); status != 200 {
		s.t.Fatalf("own type: %d %s", status, text)
	}
	ids["key"] = s.made("/v1/keys", `{"name":"k","scopes":["events:read"]}`)
	ids["subscription"] = s.made("/v1/subscriptions", fill(`{"customer":"cus_one","app":"$app","product":"p","state":"active","starts_at":"2026-01-01T00:00:00Z"}`, ids))
	ids["contract"] = s.made("/v1/subscriptions", fill(`{"customer":"cus_one","app":"$app","product":"q","state":"active","starts_at":"2026-01-01T00:00:00Z"}`, ids))
	ids["over"] = s.made("/v1/subscriptions", fill(`{"customer":"cus_one","app":"$app","product":"o","state":"active","starts_at":"2026-01-01T00:00:00Z"}`, ids))
	s.ok("POST", "/v1/subscriptions/"+ids["over"]+":end", "")
	s.must(s.st.AddMember(context.Background(), store.SignIn{Member: engawa.Member{Workspace: "ws_one", ID: "mem_one", Name: "佐藤", Mail: "yuki@hinata.example", Role: engawa.Support, CreatedAt: time.Now()}}))
	s.must(s.st.Raise(context.Background(), engawa.Task{Workspace: "ws_one", Kind: "delivery.unknown", Ref: "acc_mail"}))
	tasks, err := s.st.TaskPage(context.Background(), "ws_one", store.TaskFilter{State: "open"}, store.Page{})
	s.must(err)
	ids["task"] = tasks[0].ID
	ids["refund"] = s.refunds()
	return ids
}

// refunds opens refund cases of a customer who has not agreed to anything, and
// returns one.
func (s *site) refunds() string {
	s.t.Helper()
	ctx, now := context.Background(), time.Now()
	s.must(s.st.AddAccount(ctx, engawa.Account{Workspace: "ws_one", ID: "acc_refunds", Kind: "appstore", Name: "App Store", Environment: engawa.Production, Enabled: true, CreatedAt: now}))
	h := store.Heard{
		Workspace: "ws_one", Account: "acc_refunds", Original: "1", Whose: []engawa.Identity{{Issuer: "appstore", Kind: "app_account_token", Value: "t"}}, New: engawa.Customer{Kind: "person"},
		Fold: func([]byte) (engawa.Purchase, error) {
			return engawa.Purchase{Environment: engawa.Production, Kind: "consumable", Product: "beans", State: engawa.PurchaseOwned, Facts: []byte(`{}`)}, nil
		},
		Refunds: func([]byte) (cs []engawa.RefundCase, err error) {
			for i := range 5 {
				cs = append(cs, engawa.RefundCase{
					Transaction: fmt.Sprint(i), Original: "1", Kind: "consumable", Product: "beans", State: engawa.RefundOpen, Requests: 1, AskedAt: now, DueAt: now.Add(engawa.RefundFor), Facts: []byte(`{}`),
				})
			}
			return cs, nil
		},
	}
	ps, err := s.st.Hear(ctx, "ws_one", []store.Heard{h})
	s.must(err)
	cases, err := s.st.RefundsOf(ctx, "ws_one", ps[0].Customer)
	s.must(err)
	return cases[0].ID
}

// shop connects a simulated store of which two customers bought something; what
// became of an extension of the second one is not known.
func (s *site) shop(ids map[string]string) {
	s.t.Helper()
	ctx := context.Background()
	id, issuer, p8 := s.store.Key()
	s.store.AddProduct(appstoresim.Product{ID: "monthly", Name: "月額", Type: appstoresim.AutoRenewable, Group: "20500001", Level: 1, Period: "P1M", Prices: map[string]int64{"JPN": 1480000}})
	s.provider = s.store
	ids["shop"] = "acc_shop"
	s.must(s.st.AddAccount(ctx, engawa.Account{
		Workspace: "ws_one", ID: "acc_shop", Kind: "appstore", Name: "App Store", Environment: "sandbox", Owner: "workspace", Enabled: true, CreatedAt: time.Now(),
		Settings: map[string]string{"bundle_id": "jp.hinata.coffee", "environment": "sandbox", "roots": s.store.RootPEM(), "issuer_id": issuer, "key_id": id, "private_key": p8},
	}))
	var ps []engawa.Purchase
	for range 2 {
		who, _ := s.store.AddCustomer("customer", "JPN", "")
		transaction, err := s.store.Buy(appstoresim.Purchase{Customer: who, Product: "monthly"})
		s.must(err)
		f, err := s.desk.Find(ctx, "ws_one", transaction, true)
		s.must(err)
		if len(f.Hits) != 1 {
			s.t.Fatalf("%+v", f)
		}
		some, err := s.st.PurchasesOf(ctx, "ws_one", f.Hits[0].Customer.ID)
		s.must(err)
		ps = append(ps, some...)
	}
	ids["buyer"], ids["purchase"], ids["extension"] = ps[0].Customer, ps[0].ID, engawa.NewID(engawa.PrefixExtension)
	s.must(s.st.OpenExtension(ctx, engawa.Extension{
		Workspace: "ws_one", ID: ids["extension"], Account: "acc_shop", Customer: ps[1].Customer, Purchase: ps[1].ID, Product: "monthly", Days: 7, RequestID: "lost",
		State: engawa.ExtensionUnknown, BeforeAt: ps[1].EndsAt, CreatedAt: time.Now(), AskedAt: time.Now().Add(-time.Hour),
	}))
}

// stocked makes an App Store account for which App Store Connect makes codes, and a
// pool of one of its offers.
func (s *site) stocked() (account, pool string) {
	s.t.Helper()
	st, err := appstoresim.New("jp.hinata.coffee", 1234567890, appstoresim.Production)
	s.must(err)
	s.t.Cleanup(func() { st.Close() })
	st.AddProduct(appstoresim.Product{
		ID: "club", Type: appstoresim.AutoRenewable, Group: "1", Level: 1, Period: "P1M", Prices: map[string]int64{"JPN": 980_000},
		Offers: []appstoresim.Offer{{ID: "thanks", Type: appstoresim.OfferCode, Pays: appstoresim.FreeTrial, Period: "P1M"}},
	})
	asc, err := st.Connect()
	s.must(err)
	asc.Slow = time.Minute // what is asked for stands in the trail before a code has come
	s.connect = asc
	id, issuer, p8 := asc.Key()
	body, err := json.Marshal(map[string]any{"kind": "appstore", "name": "a", "settings": map[string]string{
		"bundle_id": "jp.hinata.coffee", "app_apple_id": "1234567890", "environment": "production", "connect_issuer_id": issuer, "connect_key_id": id, "connect_key": p8,
	}})
	s.must(err)
	account = s.made("/v1/accounts", string(body))
	ends := time.Now().AddDate(0, 1, 0).UTC().Format(time.RFC3339)
	return account, s.made("/v1/offers", `{"account":"`+account+`","name":"お詫び","offer":"thanks","connect":"asc-thanks","ends_at":"`+ends+`"}`)
}

// unknown hands a message over without learning what became of it, and returns
// its delivery.
func (s *site) unknown() string {
	s.t.Helper()
	ctx := context.Background()
	s.made("/v1/messages", `{"to":{"customer":"cus_one"},"purpose":"service","trigger":"user","content":{"subject":"s","text":"t"},"channels":["mail"]}`)
	seen, err := s.st.Lane(ctx, "ws_one", "acc_mail")
	s.must(err)
	lane, held, err := s.st.Hold(ctx, "test", seen)
	if err != nil || !held {
		s.t.Fatalf("lane not held: %v", err)
	}
	going, _, err := s.st.Claim(ctx, lane, 1, store.Decide{
		Judge: func(c *store.Claimed) store.Decision {
			return store.Decision{Facts: c.Known.Facts, Verdict: engawa.Verdict{Account: "acc_mail", Outcome: engawa.Send, At: time.Now()}, Key: "k"}
		},
		Pace: func() store.Pace { return store.Pace{} },
	})
	if err != nil || len(going) != 1 {
		s.t.Fatalf("%d claimed: %v", len(going), err)
	}
	_, err = s.st.Record(ctx, lane, []store.Result{{Claimed: going[0], EndedAt: time.Now(), Outcome: engawa.OutcomeUnknown, State: engawa.Unknown, Code: "timeout"}})
	s.must(err)
	s.must(s.st.Release(ctx, lane))
	return going[0].Delivery.ID
}
