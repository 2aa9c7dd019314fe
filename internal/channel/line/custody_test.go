package line

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"maps"
	"net/http"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
)

// TestCustody: the account tells what somebody else who has its secret changed: where
// its webhooks go, its menu, and that messages went which the hub did not send.
func TestCustody(t *testing.T) {
	in(t, func(w *world) {
		facts := func() channel.Facts {
			l, err := Kind.Look(w.Context(), with(nil), channel.Env{Account: channeltest.Account, HTTP: channeltest.Client(w.sim)})
			if err != nil || !l.Asked {
				w.Fatalf("%+v, %v", l, err)
			}
			return l.Facts
		}
		want := channel.Facts{channel.FactIdentity: bot, channel.FactUsed: "0", channel.FactWebhook: "", channel.FactMenu: ""}
		if got := facts(); !maps.Equal(got, want) {
			w.Errorf("at first %v, want %v", got, want)
		}
		w.sim.UseElsewhere(channelID, 40)
		w.elsewhere(http.MethodPut, "/v2/bot/channel/webhook/endpoint", "application/json", `{"endpoint":"https://vendor.example/hook"}`)
		menu := w.elsewhere(http.MethodPost, "/v2/bot/richmenu", "application/json", `{"size":{"width":800,"height":540},"selected":true,"name":"vendor","chatBarText":"menu",
			"areas":[{"bounds":{"x":0,"y":0,"width":800,"height":540},"action":{"type":"postback","data":"a"}}]}`)["richMenuId"]
		var picture bytes.Buffer
		if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 800, 540))); err != nil {
			w.Fatal(err)
		}
		w.elsewhere(http.MethodPost, "/api-data/v2/bot/richmenu/"+menu+"/content", "image/png", picture.String())
		w.elsewhere(http.MethodPost, "/v2/bot/user/all/richmenu/"+menu, "", "")
		want = channel.Facts{channel.FactIdentity: bot, channel.FactUsed: "40", channel.FactWebhook: "https://vendor.example/hook", channel.FactMenu: menu}
		if got := facts(); menu == "" || !maps.Equal(got, want) {
			w.Errorf("then %v, want %v", got, want)
		}
	})
}

// TestCustodyUnclear: what LINE does not answer is no fact.
func TestCustodyUnclear(t *testing.T) {
	for answer, want := range map[int]engawa.Code{500: engawa.CodeUnavailable, 403: engawa.CodeInvalid} {
		a := opened(t, with(nil), tokenThen(answered(answer, `{"message":"no"}`)))
		if facts, err := a.Custody(t.Context()); facts != nil || engawa.CodeOf(err) != want {
			t.Errorf("%d: %v, %v", answer, facts, err)
		}
	}
}

// elsewhere makes a call with another token of the account, as its vendor does.
func (w *world) elsewhere(method, path, kind, body string) map[string]string {
	w.Helper()
	token, se := newTokens(channelID, secret).get(w.Context(), w.a.base, w.a.env.HTTP, "")
	if se != nil {
		w.Fatal(se)
	}
	req, err := http.NewRequestWithContext(w.Context(), method, w.a.base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("User-Agent", "vendor/1")
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	res, err := w.a.env.HTTP.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		w.Fatal(fmt.Sprint(path, ": ", res.StatusCode, " ", string(said), err))
	}
	out := map[string]string{}
	_ = json.Unmarshal(said, &out) // an empty answer tells nothing
	return out
}
