package sim

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestMove: the scenario, played with a client that answers each tap with a link.
func TestMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, Server: &Server{Polite: true}}
		defer w.Close()
		v := w.SetUpMove(Move{Endpoint: "https://hub.example/move"})
		w.own, w.token = v.Old, w.LongLived(v.Old.ID)
		natures, segments := map[string]int{}, map[string]int{}
		var users []string
		for _, m := range v.People {
			natures[m.Nature]++
			segments[m.Segment]++
			if w.State(m.Person, v.Old.ID) != Never && m.Nature != "silent" {
				users = append(users, w.UserID(m.Person, v.Old.ID))
			}
		}
		if fmt.Sprint(natures) != "map[blocked:180 blocks:19 forwards:33 silent:360 taps:363 waits:245]" || fmt.Sprint(segments) != "map[lapsed:300 shop:300 vip:300 web:300]" {
			t.Errorf("%v %v", natures, segments)
		}
		if rows, err := csv.NewReader(strings.NewReader(v.VendorCSV())).ReadAll(); err != nil || len(rows) != 1201 || slices.Contains(users, "") {
			t.Errorf("%d rows, %v", len(rows), err)
		}
		h := w.listen()
		if len(h.events) != 0 {
			t.Error("they met long ago")
		}
		if a := v.Act(); a != (Acts{}) {
			t.Errorf("%+v of nothing", a)
		}
		invite := `"messages":[{"type":"template","altText":"お引っ越し","template":{"type":"buttons","text":"新しい窓口へ移りますか","actions":[{"type":"postback","label":"移る","data":"engawa:move"}]}}]`
		for chunk := range slices.Chunk(users, 500) {
			to, err := json.Marshal(chunk)
			w.must(err)
			w.want("POST", "/v2/bot/message/multicast", `{"to":`+string(to)+`,`+invite+`}`, 200)
		}
		if a := v.Act(); a != (Acts{Tapped: 396, Blocked: 19}) {
			t.Errorf("%+v", a)
		}
		w.Settle()
		answered := 0
		for _, e := range h.events {
			if token, ok := e["replyToken"].(string); ok && e["type"] == "postback" {
				link := "https://line.me/R/oaMessage/%40hinata-new/?code-" + fmt.Sprint(answered)
				if answered%2 == 1 {
					link = "https://liff.line.me/" + v.Login.LIFF[0].ID + "?t=" + fmt.Sprint(answered)
				}
				w.want("POST", "/v2/bot/message/reply", `{"replyToken":"`+token+`","messages":[{"type":"text","text":"こちらへ `+link+`"}]}`, 200)
				answered++
			}
		}
		browsed := 0
		v.Browse = func(string, string) { browsed++ }
		w.SetWebhook(v.New.ID, "https://hub.example/new")
		a := v.Act()
		a2 := v.Act() // who were passed a link by one who comes after them
		opened, forwarded := a.Opened+a2.Opened, a.Forwarded+a2.Forwarded
		if answered != 396 || forwarded != 33 || opened != 396+33 || browsed == 0 || a2.Forwarded != 0 {
			t.Errorf("%d answers, %+v, %+v, %d browsed", answered, a, a2, browsed)
		}
		w.Settle()
		moved, codes := 0, map[string]int{}
		for _, m := range v.People {
			if w.State(m.Person, v.New.ID) == Friend {
				moved++
			}
			for _, line := range w.Inbox(m.Person, v.New.ID) {
				codes[line.Text]++
			}
		}
		twice := 0
		for _, n := range codes {
			if n == 2 {
				twice++
			}
		}
		if moved < 396 || moved > 396+33 || len(codes) != 198 || twice+browsed-198 != 33 {
			t.Errorf("%d moved, %d codes, %d twice, %d browsed", moved, len(codes), twice, browsed)
		}
		if w.Usage(v.Old.ID) != len(users)-180 {
			t.Errorf("%d messages used", w.Usage(v.Old.ID))
		}
	})
}

// TestMoveSizes: the numbers are parameters, and the seed says who is who.
func TestMoveSizes(t *testing.T) {
	natures := func(m Move) (out []string) {
		s := &Server{Polite: true}
		defer s.Close()
		for _, p := range s.SetUpMove(m).People {
			out = append(out, p.Segment+" "+p.Nature)
		}
		return out
	}
	first := natures(Move{People: 40, Segments: []string{"a", "b"}, Seed: 1})
	if len(first) != 40 || !slices.Equal(first, natures(Move{People: 40, Segments: []string{"a", "b"}, Seed: 1})) || slices.Equal(first, natures(Move{People: 40, Segments: []string{"a", "b"}, Seed: 2})) {
		t.Errorf("%q", first)
	}
	if got := natures(Move{People: 2, Segments: []string{"a"}, Blocked: -1, Silent: -1, Tap: 100, Forward: -1, Block: -1}); !slices.Equal(got, []string{"a taps", "a taps"}) {
		t.Errorf("%q", got)
	}
}

// TestPhone: a person plays it on the page.
func TestPhone(t *testing.T) {
	within(t, func(w *world) {
		h := w.listen()
		l := w.AddLogin(Login{Provider: "Own", Account: w.own.ID, Published: true, LIFF: []LIFF{{URL: "https://hub.example/move", BotPrompt: "normal"}}})
		w.AddPoster(w.own.ID, "vip")
		w.form("/_sim/act", "act", "person", "name", "葵")
		w.form("/_sim/act", "act", "person", "name", "空")
		people := w.Persons()
		act := func(pairs ...string) {
			w.Helper()
			g := w.form("/_sim/act", append(pairs, "lang", "ko", "person", people[0], "account", w.own.ID)...)
			if g.status != http.StatusSeeOther || !strings.Contains(g.header.Get("Location"), "lang=ko") {
				t.Errorf("%d %v", g.status, g.header)
			}
		}
		shows := func(texts ...string) {
			w.Helper()
			w.want("GET", "/?lang=en&person="+people[0]+"&account="+w.own.ID, "", 200, texts...)
		}
		shows("Not a friend", "Add friend", "葵", w.own.BasicID, "vip")
		act("act", "open", "link", AddLink(w.own.BasicID, "vip"))
		shows("Friend", "Block")
		act("act", "write", "text", "こんにちは")
		shows("こんにちは", "Unsend")
		user := w.UserID(people[0], w.own.ID)
		w.want("POST", pushing, `{"to":"`+user+`","messages":[{"type":"template","altText":"a","template":{"type":"buttons","text":"移りますか","actions":[{"type":"postback","label":"移る","data":"m"},{"type":"uri","label":"開く","uri":"https://liff.line.me/`+l.LIFF[0].ID+`?t=1"}]}}]}`, 200)
		shows("移りますか", ">移る</button>", "Forward the link")
		lines := w.Inbox(people[0], w.own.ID)
		last := lines[len(lines)-1]
		act("act", "tap", "message", last.ID, "action", "0")
		act("act", "tap", "message", last.ID, "action", "1", "add", "yes")
		shows(`href="https://hub.example/move?t=1#access_token=`)
		act("act", "pass", "to", people[1], "link", last.Actions[1].URI)
		w.want("GET", "/?lang=en&person="+people[1], "", 200, "Links from others", last.Actions[1].URI)
		act("act", "unsend", "message", lines[0].ID)
		shows("You unsent a message.")
		menu := w.menu()
		w.want("POST", "/v2/bot/user/all/richmenu/"+menu, "", 200)
		shows("Rich menu", "メニュー")
		act("act", "menu", "action", "0")
		act("act", "open", "link", "https://line.me/R/oaMessage/"+w.own.BasicID+"/?K7P2")
		shows(">K7P2</textarea>")
		act("act", "block")
		shows("Unblock")
		act("act", "follow")
		act("act", "tap", "message", "none", "action", "0")
		shows("That did not work.", "there is no such action")
		act("act", "dance")
		shows("there is no such act")
		w.Settle()
		if want := []string{"follow", "message", "postback", "unsend", "postback", "unfollow", "follow"}; !slices.Equal(h.types(), want) {
			t.Errorf("%q, want %q", h.types(), want)
		}
		for _, path := range []string{"/access/oauth2/v2.1/authorize?client_id=1", "/liff/" + l.LIFF[0].ID + "?t=1"} {
			g := w.do("GET", path, "")
			if g.status != http.StatusSeeOther || !strings.HasPrefix(g.header.Get("Location"), "/?open=http%3A%2F%2Fexample.com%2F") {
				t.Errorf("%d %v", g.status, g.header)
			}
			w.want("GET", g.header.Get("Location"), "", 200, `name="link"`)
		}
		act("act", "open", "link", "http://example.com/liff/"+l.LIFF[0].ID+"?t=2")
		shows(`href="https://hub.example/move?t=2#access_token=`)
	})
}

// TestControl: the rest of /_sim.
func TestControl(t *testing.T) {
	within(t, func(w *world) {
		w.want("GET", "/_sim/accounts", "", 200, `"channel_id":"`+w.own.ID+`"`, `"channel_secret":"`)
		w.want("GET", "/v2/bot/info", "", 200)
		w.want("GET", "/_sim/log", "", 200, `"path":"/v2/bot/info"`, `"mistakes":null`)
		w.want("POST", "/_sim/clock", `{"advance":"1h"}`, 204)
		if got := time.Until(w.now()); got != time.Hour {
			t.Errorf("%v ahead", got)
		}
		w.want("POST", "/_sim/reset", "", 200)
		w.want("GET", "/_sim/accounts", "", 200, `"accounts":[]`)
		w.want("GET", "/v2/bot/info", "", 401)
	})
}
