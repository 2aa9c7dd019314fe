package sim

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/engawa/engawa/internal/look"
)

//go:embed page.html
var pageText string

var view = look.Template(pageText, nil)

// words of the page, by language.
var words = map[string]map[string]string{
	"ja": {
		"title": "Webhook 受信箱", "lead": "自社システムの代わりに署名を確かめ、同じ ID は一度だけ受け取ります。",
		"empty": "まだ何も届いていません。Webhook チャネルからテスト送信をすると、ここに並びます。",
		"taken": "受け取った通知", "refused": "受け取らなかった通知", "times": "回届きました", "once": "1回届きました",
		"differs": "本文が毎回同じではありません", "body": "本文を見る",
	},
	"ko": {
		"title": "Webhook 수신함", "lead": "사내 시스템을 대신해 서명을 확인하고, 같은 ID는 한 번만 받습니다.",
		"empty": "아직 도착한 알림이 없습니다. Webhook 채널에서 테스트 발송을 하면 여기에 표시됩니다.",
		"taken": "받은 알림", "refused": "받지 않은 알림", "times": "회 도착했습니다", "once": "1회 도착했습니다",
		"differs": "본문이 매번 같지 않습니다", "body": "본문 보기",
	},
	"en": {
		"title": "Webhook inbox", "lead": "Stands in for your own system: checks each signature and takes each id once.",
		"empty": "Nothing has arrived yet. Send a test from a webhook channel and it will be listed here.",
		"taken": "Taken", "refused": "Not taken", "times": "arrivals", "once": "1 arrival",
		"differs": "the body differs between arrivals", "body": "Show the body",
	},
}

// ledger is what the page shows.
type ledger struct {
	look.Page
	Taken   []row
	Refused []Refusal
}

type row struct {
	Entry
	Pretty string
}

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	v := ledger{Page: look.For(r, words)}
	for _, e := range s.Ledger() {
		v.Taken = append(v.Taken, row{e, pretty(e.Body)})
	}
	slices.Reverse(v.Taken)
	s.mu.Lock()
	v.Refused = slices.Clone(s.refusals)
	s.mu.Unlock()
	slices.Reverse(v.Refused)
	look.Show(w, view, v)
}

func pretty(body []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, body, "", "  "); err != nil {
		return string(body)
	}
	return b.String()
}
