package sim

import (
	_ "embed"
	"net/http"
	"time"

	"github.com/engawa/engawa/internal/look"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText []byte

var page = look.Template(pageText, nil)

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
	look.Page
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
	v := view{Page: look.For(r, words)}
	s.mu.Lock()
	for _, service := range services {
		v.Services = append(v.Services, serviceView{service.key, service.name, s.show(service.key)})
	}
	s.mu.Unlock()
	look.Show(w, page, v)
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
