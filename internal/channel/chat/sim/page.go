package sim

import (
	_ "embed"
	"html/template"
	"net/http"
	"strings"
	"time"
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

//go:generate cp ../../chatwork/sim/live.js live.js

//go:embed live.js
var liveText []byte

var page = template.Must(template.New("rooms").Parse(pageText))

// services are the services in the order of the page, by their own names.
var services = []struct{ key, name string }{
	{"slack", "Slack"}, {"teams", "Microsoft Teams"}, {"discord", "Discord"}, {"telegram", "Telegram"}, {"googlechat", "Google Chat"},
}

// words of the page, by language.
var words = map[string]map[string]string{
	"ja": {
		"title": "チャット(シミュレーター)", "empty": "まだ投稿はありません。通知が届くと、ここに表示されます。", "none": "このサービスの部屋はありません。",
		"thread": "スレッド", "leads": "リンク先",
	},
	"ko": {
		"title": "채팅(시뮬레이터)", "empty": "아직 글이 없습니다. 알림이 오면 여기에 표시됩니다.", "none": "이 서비스의 방이 없습니다.",
		"thread": "스레드", "leads": "연결되는 곳",
	},
	"en": {
		"title": "Chat services (simulator)", "empty": "No posts yet. A notice will appear here as soon as it arrives.", "none": "This service has no rooms here.",
		"thread": "Thread", "leads": "leads to",
	},
}

type view struct {
	Lang     string
	Langs    []string
	W        map[string]string
	Services []serviceView
}

type serviceView struct {
	Key, Name string
	Rooms     []roomView
}

type roomView struct {
	Name  string
	Posts []postView
}

type postView struct {
	Thread string
	At     time.Time
	Spans  []Span
}

// Other reports whether a link shows other words than where it leads.
func (s Span) Other() bool { return s.Kind == "link" && s.Text != s.URL }

func (s *Server) view(w http.ResponseWriter, r *http.Request) {
	lang := language(r)
	v := view{Lang: lang, Langs: []string{"ja", "ko", "en"}, W: words[lang]}
	s.mu.Lock()
	for _, service := range services {
		v.Services = append(v.Services, serviceView{service.key, service.name, s.show(service.key)})
	}
	s.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'")
	_ = page.Execute(w, v)
}

func (s *Server) show(service string) (out []roomView) {
	for _, r := range s.rooms {
		if r.service != service {
			continue
		}
		room := roomView{Name: r.name}
		for _, p := range r.list {
			room.Posts = append(room.Posts, postView{p.Thread, p.At, p.Spans})
		}
		out = append(out, room)
	}
	return out
}

// language takes lang= of the request, else the first of ja, ko, en that the
// browser names.
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

func asset(w http.ResponseWriter, kind string, b []byte) {
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(b)
}
