package sim

import (
	_ "embed"
	"html/template"
	"net/http"
	"time"

	"github.com/engawa/engawa/internal/look"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText []byte

var page = look.Template(pageText, nil)

// words of the page, by language.
var words = map[string]map[string]string{
	"ja": {
		"ours": "このハブ", "elsewhere": "ほかのプログラム", "free": "次の空き",
		"title": "Chatwork(シミュレーター)", "used": "API の利用", "per": "直近5分間", "empty": "まだ投稿はありません。通知が届くと、ここに表示されます。",
		"none": "ルームがありません。", "full": "上限に達しました。次の呼び出しは断られます。", "say": "メッセージを書く", "send": "投稿する",
		"group": "グループ", "readonly": "閲覧のみ", "direct": "ダイレクト", "admin": "グループ(管理者)", "foreign": "参加していないグループ", "my": "マイチャット",
	},
	"ko": {
		"ours": "이 허브", "elsewhere": "다른 프로그램", "free": "다음 빈자리",
		"title": "Chatwork(시뮬레이터)", "used": "API 사용량", "per": "최근 5분", "empty": "아직 글이 없습니다. 알림이 오면 여기에 표시됩니다.",
		"none": "방이 없습니다.", "full": "한도에 도달했습니다. 다음 호출은 거절됩니다.", "say": "메시지 쓰기", "send": "보내기",
		"group": "그룹", "readonly": "읽기 전용", "direct": "1:1 대화", "admin": "그룹(관리자)", "foreign": "참가하지 않은 그룹", "my": "나와의 대화",
	},
	"en": {
		"ours": "this hub", "elsewhere": "other programs", "free": "next free call",
		"title": "Chatwork (simulator)", "used": "API calls", "per": "in the last 5 minutes", "empty": "No posts yet. A notice will appear here as soon as it arrives.",
		"none": "There are no rooms.", "full": "The limit is reached; the next call will be refused.", "say": "Write a message", "send": "Post",
		"group": "Group", "readonly": "Read only", "direct": "Direct", "admin": "Group (administrator)", "foreign": "Group without us", "my": "My chat",
	},
}

// view is what the page shows.
type view struct {
	look.Page
	Used, Limit int
	Ours        int    // of Used, by the token of this hub
	Elsewhere   int    // of Used, by other programs
	Free        string // when the oldest counted call leaves the window; empty: there is room
	Rooms       []roomView
	CanSay      bool
}

type roomView struct {
	ID         int64
	Name, Kind string
	Posts      []postView
}

type postView struct {
	ID, Name, Initial string
	Ours              bool
	At                time.Time
	Body              template.HTML
}

func (s *Server) view(w http.ResponseWriter, r *http.Request) {
	v := view{Page: look.For(r, words), Limit: tokenCalls, CanSay: s.Hook.URL != ""}
	s.mu.Lock()
	v.Used = s.used(s.now())
	for _, c := range s.calls {
		if c.elsewhere {
			v.Elsewhere++
		}
	}
	v.Ours = v.Used - v.Elsewhere
	if v.Used >= tokenCalls {
		v.Free = s.calls[0].at.Add(s.tokenWindow()).Format("15:04:05")
	}
	for _, id := range s.order {
		v.Rooms = append(v.Rooms, s.rooms[id].show())
	}
	s.mu.Unlock()
	look.Show(w, page, v)
}

func (r *room) show() roomView {
	v := roomView{ID: r.id, Name: r.name, Kind: r.kind}
	for _, m := range r.list {
		initial := string([]rune(m.Author.Name)[:1])
		v.Posts = append(v.Posts, postView{m.ID, m.Author.Name, initial, m.Author == bot, m.At, render(m.Body)})
	}
	return v
}
