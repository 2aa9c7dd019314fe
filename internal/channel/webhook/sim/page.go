package sim

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strings"
)

//go:embed page.html
var pageText string

//go:generate cp ../../../console/static/tokens.css tokens.css

// tokensText is the console's own tokens, so that all pages look alike.
//
//go:embed tokens.css
var tokensText []byte

//go:embed style.css
var styleText []byte

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

// view is what the page shows.
type view struct {
	Lang    string
	Langs   []string
	W       map[string]string
	Taken   []row
	Refused []Refusal
}

type row struct {
	Entry
	Pretty string
}

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	lang := language(r)
	v := view{Lang: lang, Langs: []string{"ja", "ko", "en"}, W: words[lang]}
	for _, e := range s.Ledger() {
		v.Taken = append(v.Taken, row{e, pretty(e.Body)})
	}
	slices.Reverse(v.Taken)
	s.mu.Lock()
	v.Refused = slices.Clone(s.refusals)
	s.mu.Unlock()
	slices.Reverse(v.Refused)

	t, err := template.New("page").Parse(pageText)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'")
	w.Header().Set("Refresh", "5")
	_ = t.Execute(w, v)
}

func pretty(body []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, body, "", "  "); err != nil {
		return string(body)
	}
	return b.String()
}

// language takes ?lang=, else the first of ja, ko, en that the browser names.
func language(r *http.Request) string {
	if l := r.URL.Query().Get("lang"); words[l] != nil {
		return l
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		if l := strings.TrimSpace(part); len(l) >= 2 && words[l[:2]] != nil {
			return l[:2]
		}
	}
	return "ja"
}

func style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(slices.Concat(tokensText, styleText))
}
