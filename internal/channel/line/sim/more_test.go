package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"maps"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func pngOf(t *testing.T, width, height int) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const menuBody = `{"size":{"width":800,"height":540},"selected":true,"name":"main","chatBarText":"メニュー","areas":[{"bounds":{"x":0,"y":0,"width":800,"height":540},"action":{"type":"postback","data":"a"}}]}`

// menu makes a rich menu with its image.
func (w *world) menu() string {
	w.Helper()
	id := w.want("POST", "/v2/bot/richmenu", menuBody, 200, `"richMenuId":"richmenu-`).field(w.T, "richMenuId")
	w.holds(w.do("POST", "/api-data/v2/bot/richmenu/"+id+"/content", pngOf(w.T, 800, 540), "Content-Type", "image/png"), "image", 200)
	return id
}

// TestMenus: rich menus from their making to whom they are shown.
func TestMenus(t *testing.T) {
	within(t, func(w *world) {
		for from, to := range map[string]string{
			`"width":800,"height":540}`: `"width":799,"height":540}`, `"height":540},"selected"`: `"height":600},"selected"`, `"main"`: `"` + strings.Repeat("a", 301) + `"`,
			`"メニュー"`: `"` + strings.Repeat("あ", 15) + `"`, `"data":"a"`: `"data":""`,
		} {
			w.want("POST", "/v2/bot/richmenu/validate", strings.Replace(menuBody, from, to, 1), 400, "error(s)")
		}
		w.want("POST", "/v2/bot/richmenu/validate", menuBody, 200)
		bare := w.want("POST", "/v2/bot/richmenu", menuBody, 200).field(t, "richMenuId")
		who, user := w.friend("a")
		_, second := w.friend("b")
		w.want("POST", "/v2/bot/user/all/richmenu/"+bare, "", 400, "must upload richmenu image")
		w.want("POST", "/v2/bot/user/"+user+"/richmenu/"+bare, "", 400, "must upload richmenu image")
		w.want("POST", "/v2/bot/user/all/richmenu/none", "", 404)
		at := "/api-data/v2/bot/richmenu/" + bare + "/content"
		w.want("GET", at, "", 404)
		w.holds(w.do("POST", at, pngOf(t, 800, 540), "Content-Type", "image/gif"), "gif", 415)
		w.holds(w.do("POST", at, pngOf(t, 800, 541), "Content-Type", "image/png"), "another size", 400)
		w.holds(w.do("POST", at, pngOf(t, 800, 540), "Content-Type", "image/jpeg"), "another kind", 400)
		w.holds(w.do("POST", at, strings.Repeat("a", 1<<20+1), "Content-Type", "image/png"), "too large", 413)
		w.holds(w.do("POST", at, pngOf(t, 800, 540), "Content-Type", "image/png"), "image", 200)
		w.holds(w.do("POST", at, pngOf(t, 800, 540), "Content-Type", "image/png"), "again", 400, "An image has already been uploaded to the richmenu")
		if g := w.want("GET", at, "", 200); g.body != pngOf(t, 800, 540) || g.header.Get("Content-Type") != "image/png" {
			t.Error("another image")
		}
		other := w.menu()
		w.want("GET", "/v2/bot/richmenu/list", "", 200, bare, other, `"chatBarText":"メニュー"`, `"data":"a"`)
		w.want("GET", "/v2/bot/richmenu/"+bare, "", 200, `"selected":true`)
		w.want("GET", "/v2/bot/user/all/richmenu", "", 404, "no default richmenu")
		w.want("POST", "/v2/bot/user/all/richmenu/"+bare, "", 200)
		w.want("GET", "/v2/bot/user/all/richmenu", "", 200, bare)
		w.want("GET", "/v2/bot/user/"+user+"/richmenu", "", 404, "the user has no richmenu")
		if w.Menu(who, w.own.ID) != bare {
			t.Error("the default is not shown")
		}
		w.want("POST", "/v2/bot/user/"+user+"/richmenu/"+other, "", 200)
		w.want("GET", "/v2/bot/user/"+user+"/richmenu", "", 200, other)
		if w.Menu(who, w.own.ID) != other {
			t.Error("their own comes first")
		}
		w.want("POST", "/v2/bot/user/"+nobody+"/richmenu/"+other, "", 400)
		w.want("DELETE", "/v2/bot/user/"+user+"/richmenu", "", 200)
		w.want("POST", "/v2/bot/richmenu/bulk/link", `{"richMenuId":"`+other+`","userIds":["`+user+`","`+second+`"]}`, 202)
		w.want("GET", "/v2/bot/user/"+second+"/richmenu", "", 200, other)
		w.want("POST", "/v2/bot/richmenu/bulk/link", `{"richMenuId":"`+other+`","userIds":[]}`, 400)
		w.want("POST", "/v2/bot/richmenu/bulk/unlink", `{"userIds":["`+second+`"]}`, 202)
		w.want("GET", "/v2/bot/user/"+second+"/richmenu", "", 404)

		ops := `{"operations":[{"type":"link","from":"` + other + `","to":"` + bare + `"}],"resumeRequestKey":"k"}`
		w.want("POST", "/v2/bot/richmenu/validate/batch", ops, 200)
		w.want("POST", "/v2/bot/richmenu/validate/batch", `{"operations":[{"type":"turn"}]}`, 400)
		request := w.want("POST", "/v2/bot/richmenu/batch", ops, 202).header.Get("X-Line-Request-Id")
		w.want("GET", "/v2/bot/richmenu/progress/batch?requestId="+request, "", 200, `"phase":"ongoing"`)
		w.want("GET", "/v2/bot/user/"+user+"/richmenu", "", 200, other)
		time.Sleep(time.Minute)
		w.want("GET", "/v2/bot/richmenu/progress/batch?requestId="+request, "", 200, `"phase":"succeeded"`, `"completedTime":"`)
		w.want("GET", "/v2/bot/user/"+user+"/richmenu", "", 200, bare)
		w.want("POST", "/v2/bot/richmenu/batch", ops, 409)
		w.want("GET", "/v2/bot/richmenu/progress/batch?requestId=none", "", 404)

		w.want("DELETE", "/v2/bot/richmenu/"+bare, "", 200)
		w.want("GET", "/v2/bot/richmenu/"+bare, "", 404)
		w.want("GET", "/v2/bot/user/all/richmenu", "", 404)
		w.want("GET", "/v2/bot/user/"+user+"/richmenu", "", 404)
		w.want("POST", "/v2/bot/user/all/richmenu/"+other, "", 200)
		w.want("DELETE", "/v2/bot/user/all/richmenu", "", 200)
		w.want("GET", "/v2/bot/user/all/richmenu", "", 404)
	})
}

// TestAliases: names for rich menus.
func TestAliases(t *testing.T) {
	within(t, func(w *world) {
		a, b := w.menu(), w.menu()
		const at = "/v2/bot/richmenu/alias"
		w.want("POST", at, `{"richMenuAliasId":"Tab","richMenuId":"`+a+`"}`, 400)
		w.want("POST", at, `{"richMenuAliasId":"tab","richMenuId":"none"}`, 400)
		w.want("POST", at, `{"richMenuAliasId":"tab","richMenuId":"`+a+`"}`, 200)
		w.want("POST", at, `{"richMenuAliasId":"tab","richMenuId":"`+a+`"}`, 400, "conflict richmenu alias id")
		w.want("GET", at+"/tab", "", 200, `{"richMenuAliasId":"tab","richMenuId":"`+a+`"}`)
		w.want("POST", at+"/tab", `{"richMenuId":"`+b+`"}`, 200)
		w.want("GET", at+"/list", "", 200, `{"aliases":[{"richMenuAliasId":"tab","richMenuId":"`+b+`"}]}`)
		w.want("POST", at+"/other", `{"richMenuId":"`+b+`"}`, 404)
		w.want("DELETE", at+"/tab", "", 200)
		w.want("DELETE", at+"/tab", "", 404, "richmenu alias not found")
		w.want("GET", at+"/tab", "", 404)
		for range 98 { // two were made
			w.want("POST", "/v2/bot/richmenu", menuBody, 200)
		}
		w.want("POST", "/v2/bot/richmenu", menuBody, 429)
	})
}

// TestCoupons: made, listed, read, sent, and closed once.
func TestCoupons(t *testing.T) {
	within(t, func(w *world) {
		const at = "/v2/bot/coupon"
		body := `{"title":"一杯","startTimestamp":1796000000,"endTimestamp":1799000000,"maxUseCountPerTicket":1,"visibility":"UNLISTED","timezone":"ASIA_TOKYO","acquisitionCondition":{"type":"normal"},"description":null,"couponCode":""}`
		for from, to := range map[string]string{`"一杯"`: `""`, `1799000000`: `1`, `"maxUseCountPerTicket":1`: `"maxUseCountPerTicket":2`, `"UNLISTED"`: `"OTHER"`, `"normal"`: `"lottery"`, `"timezone":"ASIA_TOKYO",`: ``} {
			w.want("POST", at, strings.Replace(body, from, to, 1), 400, "1 error(s)")
		}
		id := w.want("POST", at, body, 200).field(t, "couponId")
		second := w.want("POST", at, body, 200).field(t, "couponId")
		if g := w.want("GET", at+"/"+id, "", 200, `"status":"RUNNING"`, `"title":"一杯"`, `"couponId":"`+id+`"`); strings.Contains(g.body, "null") || strings.Contains(g.body, "couponCode") {
			t.Error(g.body)
		}
		w.want("GET", at+"?limit=1", "", 200, `{"items":[{"couponId":"`+second+`","title":"一杯"}],"next":"1"}`)
		w.want("GET", at+"?limit=1&start=1", "", 200, `{"items":[{"couponId":"`+id+`","title":"一杯"}]}`)
		w.want("GET", at+"?limit=0", "", 400)
		send := `{"messages":[{"type":"coupon","couponId":"` + id + `"}]}`
		w.want("POST", "/v2/bot/message/validate/push", send, 200)
		w.want("PUT", at+"/"+id+"/close", "", 200)
		w.want("PUT", at+"/"+id+"/close", "", 410)
		w.want("PUT", at+"/none/close", "", 404)
		w.want("POST", "/v2/bot/message/validate/push", send, 400)
		w.want("GET", at+"?status=CLOSED", "", 200, `{"items":[{"couponId":"`+id+`"`)
	})
}

// people are n friends.
func (w *world) people(n int) (persons, users []string) {
	for i := range n {
		p, u := w.friend(fmt.Sprint("person ", i))
		persons, users = append(persons, p), append(users, u)
	}
	return persons, users
}

func uploaded(name string, users []string) string {
	var list []string
	for _, u := range users {
		list = append(list, `{"id":"`+u+`"}`)
	}
	return `{"description":"` + name + `","isIfaAudience":false,"audiences":[` + strings.Join(list, ",") + `]}`
}

// TestAudiences: lists of users of which only the number can be read.
func TestAudiences(t *testing.T) {
	within(t, func(w *world) {
		const at = "/v2/bot/audienceGroup"
		_, users := w.people(25)
		id := w.want("POST", at+"/upload", uploaded("VIP", users), 202, `"type":"UPLOAD"`, `"createRoute":"MESSAGING_API"`).field(t, "audienceGroupId")
		w.want("GET", at+"/list?page=1", "", 200, `"status":"IN_PROGRESS"`, `"totalCount":1`)
		time.Sleep(time.Minute)
		w.want("GET", at+"/"+id, "", 200, `"status":"READY"`, `"audienceCount":25`, `"jobStatus":"FINISHED"`)
		few := w.want("POST", at+"/upload", uploaded("few", users[:19]), 202).field(t, "audienceGroupId")
		time.Sleep(time.Minute)
		w.want("GET", at+"/"+few, "", 200, `"audienceCount":0`)
		w.want("PUT", at+"/upload", `{"audienceGroupId":`+few+`,"audiences":[{"id":"`+users[20]+`"}]}`, 202)
		w.want("GET", at+"/"+few, "", 200, `"status":"IN_PROGRESS"`)
		time.Sleep(time.Minute)
		w.want("GET", at+"/"+few, "", 200, `"audienceCount":20`)
		w.want("PUT", at+"/"+few+"/updateDescription", `{"description":"more"}`, 200)
		w.want("GET", at+"/list?page=1&description=MO", "", 200, `"description":"more"`, `"totalCount":1`)
		w.want("GET", at+"/list?page=1&size=1", "", 200, `"hasNextPage":true`)
		w.want("GET", at+"/list?page=0", "", 400)
		w.want("POST", at+"/upload", uploaded("", users), 400)
		w.want("POST", at+"/upload", uploaded("many", make([]string, 10_001)), 400)
		w.want("DELETE", at+"/"+few, "", 200)
		w.want("GET", at+"/"+few, "", 400, "AUDIENCE_GROUP_NOT_FOUND")
		var b bytes.Buffer
		f := multipart.NewWriter(&b)
		w.must(f.WriteField("description", "by file"))
		p, err := f.CreateFormFile("file", "users.txt")
		w.must(err)
		_, err = p.Write([]byte(strings.Join(users, "\n")))
		w.must(err)
		w.must(f.Close())
		w.holds(w.do("POST", "/api-data"+at+"/upload/byFile", b.String(), "Content-Type", f.FormDataContentType()), "by file", 202, `"description":"by file"`)
		w.holds(w.do("POST", "/api-data"+at+"/upload/byFile", "x", "Content-Type", "text/plain"), "no form", 400)
		w.Advance(180 * 24 * time.Hour)
		w.want("GET", at+"/"+id, "", 200, `"status":"EXPIRED"`)
	})
}

// TestNarrowcast: what is accepted, reserved, refused and told of it.
func TestNarrowcast(t *testing.T) {
	within(t, func(w *world) {
		const at, filter = "/v2/bot/message/narrowcast", `,"filter":{"demographic":{"type":"gender","oneOf":["male"]}}`
		persons, users := w.people(60)
		send := func(more string, status int, texts ...string) string {
			w.Helper()
			return w.want("POST", at, `{`+hello+more+`}`, status, texts...).header.Get("X-Line-Request-Id")
		}
		progress := func(request, phase string, texts ...string) {
			w.Helper()
			w.want("GET", "/v2/bot/message/progress/narrowcast?requestId="+request, "", 200, append(texts, `"phase":"`+phase+`"`)...)
		}
		send(filter, 403, "Your account does not have enough friends")
		send(`,"limit":{"forbidPartialDelivery":true}`, 400, "upToRemainingQuota")
		send(`,"recipient":{"type":"audience","audienceGroupId":1}`, 400)
		send(`,"recipient":{"type":"other"}`, 400)
		w.SetPlan(w.own.ID, 100)
		first := send("", 202, "{}")
		progress(first, "waiting")
		w.want("POST", pushing, push(users[0]), 200)
		w.want("POST", "/v2/bot/message/multicast", many(users[:50]...), 429, "monthly limit") // 60 are reserved
		time.Sleep(20 * time.Second)
		progress(first, "sending")
		if len(w.texts(persons[1], w.own.ID)) != 0 {
			t.Error("it was not sent yet")
		}
		w.must(w.Block(persons[2], w.own.ID))
		time.Sleep(time.Minute)
		progress(first, "succeeded", `"targetCount":60`, `"successCount":59`, `"failureCount":1`, `"completedTime":"`)
		if w.Usage(w.own.ID) != 60 || len(w.texts(persons[1], w.own.ID)) != 1 {
			t.Errorf("%d", w.Usage(w.own.ID))
		}
		send("", 429, "monthly limit")
		time.Sleep(time.Minute)
		part := send(`,"limit":{"upToRemainingQuota":true}`, 202)
		none := send(`,"limit":{"upToRemainingQuota":true,"forbidPartialDelivery":true}`, 202)
		limited := send(`,"recipient":{"type":"redelivery","requestId":"`+first+`"},"limit":{"max":1,"upToRemainingQuota":true}`, 202)
		time.Sleep(time.Minute)
		progress(part, "succeeded", `"successCount":40`)
		progress(none, "failed", `"errorCode":5`)
		progress(limited, "succeeded", `"successCount":0`)
		w.SetPlan(w.own.ID, Unlimited)
		some := w.want("POST", "/v2/bot/audienceGroup/upload", uploaded("some", users[:30]), 202).field(t, "audienceGroupId")
		saw := w.want("POST", "/v2/bot/audienceGroup/imp", `{"description":"saw","requestId":"`+first+`"}`, 202).field(t, "audienceGroupId")
		w.want("POST", "/v2/bot/audienceGroup/click", `{"description":"went","requestId":""}`, 400)
		time.Sleep(time.Minute)
		for recipient, want := range map[string]int{
			`{"type":"audience","audienceGroupId":` + some + `}`:                                                                               29, // one blocks
			`{"type":"operator","not":{"type":"audience","audienceGroupId":` + some + `}}`:                                                     30,
			`{"type":"operator","or":[{"type":"audience","audienceGroupId":` + some + `},{"type":"redelivery","requestId":"` + first + `"}]}`:  59,
			`{"type":"operator","and":[{"type":"audience","audienceGroupId":` + some + `},{"type":"redelivery","requestId":"` + first + `"}]}`: 29,
		} {
			id := send(`,"recipient":`+recipient, 202)
			time.Sleep(time.Minute)
			progress(id, "succeeded", fmt.Sprintf(`"targetCount":%d`, want))
		}
		id := send(`,"recipient":{"type":"audience","audienceGroupId":`+saw+`}`, 202)
		time.Sleep(time.Minute)
		progress(id, "failed", `"errorCode":4`)
		w.people(60)
		id = send(filter+`,"recipient":{"type":"audience","audienceGroupId":`+some+`}`, 202)
		time.Sleep(time.Minute)
		progress(id, "failed", `"errorCode":2`)
		g := w.do("POST", at, `{`+hello+`}`, "X-Line-Retry-Key", key)
		w.holds(g, "with a key", 202)
		w.holds(w.do("POST", at, `{`+hello+`}`, "X-Line-Retry-Key", key), "again", 409)
		w.Advance(14 * 24 * time.Hour)
		w.want("GET", "/v2/bot/message/progress/narrowcast?requestId="+first, "", 404)
	})
}

// TestInsight: numbers of days that are over; none below twenty people.
func TestInsight(t *testing.T) {
	within(t, func(w *world) {
		today := time.Now().In(jst).Format("20060102")
		persons, users := w.people(25)
		w.must(w.Block(persons[0], w.own.ID))
		w.want("GET", "/v2/bot/insight/followers?date="+today, "", 200, `{"status":"unready"}`)
		g := w.want("POST", "/v2/bot/message/broadcast", `{"messages":[{"type":"text","text":"a","quickReply":{"items":[{"type":"action","action":{"type":"uri","label":"a","uri":"https://hinata.example"}}]}}]}`, 200)
		request := g.header.Get("X-Line-Request-Id")
		to, err := json.Marshal(users)
		w.must(err)
		w.want("POST", "/v2/bot/message/multicast", `{"to":`+string(to)+`,`+hello+`,"customAggregationUnits":["mv_1"]}`, 200)
		for i, p := range persons[1:] {
			w.must(w.Read(p, w.own.ID))
			if i < 3 {
				m := w.Inbox(p, w.own.ID)
				_, err := w.Tap(p, w.own.ID, m[0].ID, 0)
				w.must(err)
			}
		}
		w.Advance(24 * time.Hour)
		w.must(w.Block(persons[1], w.own.ID))
		w.want("GET", "/v2/bot/insight/followers?date="+today, "", 200, `"status":"ready"`, `"followers":25`, `"blocks":1`, `"targetedReaches":24`)
		w.want("GET", "/v2/bot/insight/followers?date=19991231", "", 200, "out_of_service")
		w.want("GET", "/v2/bot/insight/message/delivery?date="+today, "", 200, `"apiBroadcast":24`, `"apiMulticast":24`, `"apiPush":0`)
		w.want("GET", "/v2/bot/insight/message/event?requestId="+request, "", 200, `"delivered":24`, `"uniqueImpression":24`, `"uniqueClick":null`)
		w.want("GET", "/v2/bot/insight/message/event?requestId=none", "", 404)
		w.want("GET", "/v2/bot/insight/message/event/aggregation?customAggregationUnit=mv_1&from="+today+"&to="+today, "", 200, `"uniqueImpression":24`, `"messages":[]`)
		w.want("GET", "/v2/bot/insight/message/event/aggregation?customAggregationUnit=mv_1&from=20260101&to=20260301", "", 400)
		w.want("GET", "/v2/bot/insight/demographic", "", 200, `"available":false`)
	})
}

// TestAccountLink: a token, once, within ten minutes, by the person it was made for.
func TestAccountLink(t *testing.T) {
	within(t, func(w *world) {
		h := w.listen()
		who, user := w.friend("a")
		thief, _ := w.friend("b")
		blocked, blockedID := w.friend("c")
		w.must(w.Block(blocked, w.own.ID))
		w.want("POST", "/v2/bot/user/"+blockedID+"/linkToken", "", 400)
		w.LinkRefused = 404
		w.want("POST", "/v2/bot/user/"+nobody+"/linkToken", "", 404)
		issue := func() string {
			return w.want("POST", "/v2/bot/user/"+user+"/linkToken", "", 200).field(t, "linkToken")
		}
		open := func(person, token, nonce string) error {
			_, err := w.Open(person, "https://access.line.me/dialog/bot/accountLink?"+url.Values{"linkToken": {token}, "nonce": {nonce}}.Encode(), true)
			return err
		}
		w.Settle()
		before := len(h.events)
		first, second, third := issue(), issue(), issue()
		if open(who, first, "short") == nil || open(who, "none", "0123456789") == nil {
			t.Error("taken")
		}
		w.must(open(who, first, "0123456789"))
		if open(who, first, "0123456789") == nil {
			t.Error("taken twice")
		}
		if open(thief, second, "9876543210") == nil {
			t.Error("another's was taken")
		}
		time.Sleep(10 * time.Minute)
		if open(who, third, "0123456789") == nil {
			t.Error("taken late")
		}
		w.Settle()
		got := h.events[before:]
		if len(got) != 2 {
			t.Fatalf("%v", got)
		}
		for i, want := range []string{"map[nonce:0123456789 result:ok]", "map[nonce:9876543210 result:failed]"} {
			if fmt.Sprint(got[i]["link"]) != want || (got[i]["source"] != nil) != (i == 0) {
				t.Errorf("%v", got[i])
			}
		}
	})
}

// TestLogin: signing in with LINE, and what a token tells.
func TestLogin(t *testing.T) {
	within(t, func(w *world) {
		l := w.AddLogin(Login{Provider: "Own", Account: w.own.ID, Callback: "https://hub.example/back", Published: true})
		who := w.AddPerson("葵")
		user := w.UserID(who, w.own.ID)
		q := url.Values{"response_type": {"code"}, "client_id": {l.ID}, "redirect_uri": {l.Callback}, "state": {"s"}, "scope": {"profile openid"}, "nonce": {"n"}, "bot_prompt": {"aggressive"}}
		with := func(name, value string) string {
			c := maps.Clone(q)
			c.Set(name, value)
			return "https://access.line.me/oauth2/v2.1/authorize?" + c.Encode()
		}
		for name, value := range map[string]string{"redirect_uri": "https://thief.example", "client_id": "1", "response_type": "token", "state": "", "code_challenge": "x"} {
			if o, err := w.Open(who, with(name, value), true); err == nil {
				t.Errorf("%s: %v", name, o)
			}
		}
		enter := func(addFriend bool) url.Values {
			o, err := w.Open(who, with("nonce", "n"), addFriend)
			w.must(err)
			u, err := url.Parse(o.URL)
			w.must(err)
			if u.Host != "hub.example" || u.Query().Get("state") != "s" {
				t.Error(o.URL)
			}
			return u.Query()
		}
		exchange := func(code, redirect, secret string) got {
			return w.form("/oauth2/v2.1/token", "grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "client_id", l.ID, "client_secret", secret)
		}
		code := enter(false).Get("code")
		w.holds(exchange(code, l.Callback, "wrong"), "wrong secret", 400, "invalid_client")
		w.holds(exchange(code, "https://other.example", l.Secret), "another redirect", 400, "invalid_grant")
		w.holds(exchange(code, l.Callback, l.Secret), "used", 400, "invalid_grant")
		o, err := w.Open(who, with("code_challenge", challenge("verifier"))+"&code_challenge_method=S256", false)
		w.must(err)
		proof, err := url.Parse(o.URL)
		w.must(err)
		w.holds(exchange(proof.Query().Get("code"), l.Callback, l.Secret), "no verifier", 400, "invalid_grant")
		late := enter(false).Get("code")
		time.Sleep(10 * time.Minute)
		w.holds(exchange(late, l.Callback, l.Secret), "late", 400, "invalid_grant")
		g := exchange(enter(false).Get("code"), l.Callback, l.Secret)
		w.holds(g, "code", 200, `"token_type":"Bearer"`)
		access, id := g.field(t, "access_token"), g.field(t, "id_token")
		flag := func(want string) {
			w.Helper()
			w.holds(w.do("GET", "/friendship/v1/status", "", "Authorization", "Bearer "+access), "flag", 200, `{"friendFlag":`+want+`}`)
		}
		flag("false")
		if q := enter(true); q.Get("friendship_status_changed") != "true" {
			t.Error(q)
		}
		flag("true")
		if q := enter(true); q.Has("friendship_status_changed") {
			t.Error(q)
		}
		w.holds(w.do("GET", "/v2/profile", "", "Authorization", "Bearer "+access), "profile", 200, `"userId":"`+user+`"`)
		w.holds(w.do("GET", "/oauth2/v2.1/userinfo", "", "Authorization", "Bearer "+access), "userinfo", 200, `"sub":"`+user+`"`)
		w.holds(w.do("GET", "/v2/profile", ""), "a channel's token", 401)
		w.holds(w.do("GET", "/v2/bot/info", "", "Authorization", "Bearer "+access), "a person's token", 401)
		verify := func(want int, pairs ...string) {
			w.Helper()
			w.holds(w.form("/oauth2/v2.1/verify", pairs...), strings.Join(pairs[2:], " "), want)
		}
		w.holds(w.form("/oauth2/v2.1/verify", "id_token", id, "client_id", l.ID, "nonce", "n"), "verify", 200, `"sub":"`+user+`"`, `"aud":"`+l.ID+`"`, `"nonce":"n"`)
		verify(400, "id_token", id, "client_id", "1")
		verify(400, "id_token", id, "client_id", l.ID, "nonce", "other")
		verify(400, "id_token", id, "client_id", l.ID, "user_id", nobody)
		verify(400, "id_token", id[:len(id)-4], "client_id", l.ID)
		time.Sleep(time.Hour)
		w.holds(w.form("/oauth2/v2.1/verify", "id_token", id, "client_id", l.ID), "later", 400, "IdToken expired.")
		w.form("/oauth2/v2.1/revoke", "client_id", l.ID, "client_secret", l.Secret, "access_token", access)
		w.holds(w.do("GET", "/v2/profile", "", "Authorization", "Bearer "+access), "revoked", 401)
	})
}

// TestLIFF: apps, and what opening one gives.
func TestLIFF(t *testing.T) {
	within(t, func(w *world) {
		l := w.AddLogin(Login{Provider: "Own", Account: w.own.ID, Published: true, LIFF: []LIFF{{URL: "https://hub.example/move?a=1", BotPrompt: "aggressive"}}})
		draft := w.AddLogin(Login{Provider: "Own", LIFF: []LIFF{{URL: "https://hub.example"}}})
		who := w.AddPerson("葵")
		if _, err := w.Open(who, "https://liff.line.me/"+draft.LIFF[0].ID, true); err == nil {
			t.Error("it is not published")
		}
		if _, err := w.Open(who, "https://liff.line.me/none", true); err == nil {
			t.Error("there is none")
		}
		o, err := w.Open(who, "https://liff.line.me/"+l.LIFF[0].ID+"/x?t=abc", true)
		w.must(err)
		if !strings.HasPrefix(o.URL, "https://hub.example/move/x?a=1&t=abc#access_token=") || w.State(who, w.own.ID) != Friend {
			t.Error(o.URL)
		}
		w.holds(w.form("/oauth2/v2.1/verify", "id_token", o.IDToken, "client_id", l.ID), "verify", 200, w.UserID(who, w.own.ID))
		forged := strings.Split(o.IDToken, ".")
		w.holds(w.form("/oauth2/v2.1/verify", "id_token", forged[0]+"."+forged[1]+"."+strings.Repeat("A", 86), "client_id", l.ID), "forged", 400, "Invalid IdToken.")
		vendor := w.AddAccount(Account{Provider: "Vendor"})
		foreign := w.AddLogin(Login{Provider: "Own", Account: vendor.ID, Published: true, LIFF: []LIFF{{URL: "https://hub.example", BotPrompt: "aggressive"}}})
		_, err = w.Open(who, "https://liff.line.me/"+foreign.LIFF[0].ID, true)
		w.must(err)
		if w.State(who, vendor.ID) != Never {
			t.Error("another provider's account was offered")
		}
		w.holds(w.do("GET", "/friendship/v1/status", "", "Authorization", "Bearer "+o.AccessToken), "flag", 200, "true")
		w.want("GET", "/oauth2/v2.1/certs", "", 200, `"alg":"ES256"`)
		g := w.form("/oauth2/v3/token", "grant_type", "client_credentials", "client_id", l.ID, "client_secret", l.Secret)
		w.token = g.field(t, "access_token")
		w.want("GET", "/liff/v1/apps", "", 200, `"liffId":"`+l.LIFF[0].ID+`"`, `"botPrompt":"aggressive"`)
		made := w.want("POST", "/liff/v1/apps", `{"view":{"type":"full","url":"https://hub.example/b"},"description":"b"}`, 200).field(t, "liffId")
		w.want("POST", "/liff/v1/apps", `{"view":{"type":"full","url":"http://hub.example/b"}}`, 400)
		w.want("PUT", "/liff/v1/apps/"+made, `{"view":{"url":"https://hub.example/c"}}`, 200)
		w.want("GET", "/liff/v1/apps", "", 200, "https://hub.example/c")
		w.want("DELETE", "/liff/v1/apps/"+made, "", 200)
		w.want("DELETE", "/liff/v1/apps/"+made, "", 404)
		w.token = w.LongLived(w.own.ID)
		w.want("GET", "/liff/v1/apps", "", 401)
	})
}

// TestLinks: links of LINE's own.
func TestLinks(t *testing.T) {
	within(t, func(w *world) {
		who := w.AddPerson("a")
		o, err := w.Open(who, AddLink(w.own.BasicID, "vip"), true)
		w.must(err)
		if o.Account != w.own.BasicID || w.State(who, w.own.ID) != Friend || w.Segment(who, w.own.ID) != "vip" {
			t.Errorf("%+v", o)
		}
		o, err = w.Open(who, "https://line.me/R/oaMessage/"+url.PathEscape(w.own.BasicID)+"/?"+url.QueryEscape("引っ越し K7P2-Q"), true)
		w.must(err)
		if o.Text != "引っ越し K7P2-Q" || o.Account != w.own.BasicID || len(w.texts(who, w.own.ID)) != 0 {
			t.Errorf("%+v", o)
		}
		if o, err := w.Open(who, "https://hinata.example/x", true); err != nil || o.URL != "https://hinata.example/x" {
			t.Errorf("%+v %v", o, err)
		}
		if _, err := w.Open(who, AddLink("@none", ""), true); err == nil {
			t.Error("there is none")
		}
		if !slices.Equal(w.Persons(), []string{who}) {
			t.Error(w.Persons())
		}
	})
}

// TestGroups: groups that people take an account into.
func TestGroups(t *testing.T) {
	within(t, func(w *world) {
		h := w.listen()
		a, first := w.friend("a")
		b, second := w.AddPerson("b"), ""
		second = w.UserID(b, w.own.ID)
		id, err := w.AddGroup(w.own.ID, "家族", a, b)
		w.must(err)
		if _, err := w.AddGroup(w.own.ID, "none", "nobody"); err == nil {
			t.Error("nobody is in it")
		}
		w.must(w.WriteInGroup(b, w.own.ID, id, "やあ"))
		if w.WriteInGroup(w.AddPerson("c"), w.own.ID, id, "x") == nil {
			t.Error("they are not in it")
		}
		w.Settle()
		if !slices.Equal(h.types(), []string{"follow", "join", "message"}) || fmt.Sprint(h.events[2]["source"]) != "map[groupId:"+id+" type:group userId:"+second+"]" {
			t.Fatalf("%v", h.events)
		}
		w.want("POST", "/v2/bot/message/reply", `{"replyToken":"`+h.events[2]["replyToken"].(string)+`",`+hello+`}`, 200)
		w.want("POST", pushing, push(id), 200)
		if chat := w.GroupChat(w.own.ID, id); len(chat) != 3 || w.Usage(w.own.ID) != 2 {
			t.Errorf("%d lines, %d used", len(chat), w.Usage(w.own.ID))
		}
		w.SetPlan(w.own.ID, 3)
		w.want("POST", pushing, push(id), 429, "monthly limit")
		at := "/v2/bot/group/" + id
		w.want("GET", at+"/summary", "", 200, `"groupName":"家族"`)
		w.want("GET", at+"/members/count", "", 200, `{"count":2}`)
		w.want("GET", at+"/members/ids", "", 200, first, second)
		w.want("GET", at+"/member/"+second, "", 200, `"displayName":"b"`)
		w.want("GET", at+"/member/"+nobody, "", 404)
		w.want("POST", at+"/leave", "", 200)
		w.want("GET", at+"/summary", "", 404)
		w.want("POST", pushing, push(id), 400, "Failed to send messages")
		plain := w.AddAccount(Account{Provider: "Own"})
		w.token = w.LongLived(plain.ID)
		w.want("GET", at+"/members/ids", "", 403)
	})
}

// TestContent: what people send, and marking it as read.
func TestContent(t *testing.T) {
	within(t, func(w *world) {
		h := w.listen()
		who, _ := w.friend("a")
		id, err := w.SendFile(who, w.own.ID, "image", []byte(pngOf(t, 1, 1)))
		w.must(err)
		for _, kind := range []string{"video", "audio", "file"} {
			_, err := w.SendFile(who, w.own.ID, kind, []byte("x"))
			w.must(err)
		}
		if _, err := w.SendFile(who, w.own.ID, "song", nil); err == nil {
			t.Error("a song")
		}
		w.Settle()
		m := h.events[1]["message"].(map[string]any)
		if m["id"] != id || m["type"] != "image" {
			t.Errorf("%v", m)
		}
		at := "/api-data/v2/bot/message/" + id + "/content"
		if g := w.want("GET", at, "", 200); g.body != pngOf(t, 1, 1) || g.header.Get("Content-Type") != "image/png" {
			t.Errorf("%v", g.header)
		}
		w.want("GET", at+"/preview", "", 200)
		w.want("GET", at+"/transcoding", "", 200, `{"status":"succeeded"}`)
		w.want("GET", "/api-data/v2/bot/message/1/content", "", 404)
		w.want("GET", "/v2/bot/message/"+id+"/content", "", 404)
		w.want("POST", "/v2/bot/chat/markAsRead", `{"markAsReadToken":"`+m["markAsReadToken"].(string)+`"}`, 200)
		w.want("POST", "/v2/bot/chat/markAsRead", `{"markAsReadToken":"none"}`, 400)
	})
}

// TestMemberships: paid plans and who joined them.
func TestMemberships(t *testing.T) {
	within(t, func(w *world) {
		h := w.listen()
		w.want("GET", "/v2/bot/membership/list", "", 404)
		id := w.AddMembership(w.own.ID, Membership{Title: "常連", Description: "d", Benefits: []string{"一杯"}, Price: 500, Limit: 1})
		who, user := w.friend("a")
		other, _ := w.friend("b")
		w.must(w.Subscribe(who, w.own.ID, id))
		if w.Subscribe(other, w.own.ID, id) == nil {
			t.Error("there is room for one")
		}
		w.want("GET", "/v2/bot/membership/list", "", 200, `"memberCount":1`, `"memberLimit":1`, `"title":"常連"`)
		w.want("GET", "/v2/bot/membership/subscription/"+user, "", 200, `"membershipNo":1`)
		w.want("GET", "/v2/bot/membership/subscription/"+nobody, "", 404)
		w.want("GET", fmt.Sprintf("/v2/bot/membership/%d/users/ids", id), "", 200, user)
		w.want("GET", "/v2/bot/membership/1/users/ids", "", 404)
		w.Settle()
		if e := h.events[len(h.events)-1]; e["type"] != "membership" || e["replyToken"] == nil {
			t.Errorf("%v", e)
		}
	})
}

// TestMenuInsight: taps of a rich menu, unless too few people tapped.
func TestMenuInsight(t *testing.T) {
	within(t, func(w *world) {
		today := day(time.Now())
		id := w.menu()
		w.want("POST", "/v2/bot/user/all/richmenu/"+id, "", 200)
		persons, _ := w.people(20)
		at := "/v2/bot/insight/richmenu/" + id
		for i, p := range persons {
			if i == 19 {
				w.want("GET", at+"/summary?from="+today+"&to="+today, "", 200, `{"richMenuId":"`+id+`"}`)
			}
			_, err := w.TapMenu(p, w.own.ID, 0)
			w.must(err)
		}
		w.want("GET", at+"/summary?from="+today+"&to="+today, "", 200, `"metrics":{"count":20,"uniqueUsers":20}`, `"bounds":{"x":0`)
		w.want("GET", at+"/daily?from="+today+"&to="+today, "", 200, `"date":"`+today+`"`)
		w.want("GET", at+"/daily?from="+today+"&to=20500101", "", 400)
		w.Advance(24 * time.Hour)
		w.want("GET", at+"/summary?from="+day(w.now())+"&to="+day(w.now()), "", 200, `{"richMenuId":"`+id+`"}`)
		w.want("GET", "/v2/bot/insight/richmenu/none/daily?from="+today+"&to="+today, "", 404)
		if _, err := w.TapMenu(persons[0], w.own.ID, 1); err == nil {
			t.Error("there is one area")
		}
	})
}
