package sim

import (
	_ "embed"
	"net/http"
	"slices"
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
		"title": "Zendesk(シミュレーター)", "lead": "窓口の担当者に見えるチケットです。状態を変えたり、コメントを書いたりすると、Webhookが届きます。",
		"used": "API の利用", "per": "直近1分間", "empty": "チケットはありません。", "requester": "依頼者", "group": "グループ", "tags": "タグ", "fields": "項目",
		"internal": "社内メモ", "public": "公開の返信", "nobody": "担当者本人", "change": "変更する", "status": "状態", "say": "コメントを書く", "send": "送信する", "external": "外部ID",
		"new": "新規", "open": "オープン", "pending": "保留中", "hold": "待機中", "solved": "解決済み", "closed": "終了", "default": "Zendeskの規則にまかせる",
	},
	"ko": {
		"title": "Zendesk(시뮬레이터)", "lead": "상담원에게 보이는 티켓입니다. 상태를 바꾸거나 댓글을 쓰면 Webhook이 전송됩니다.",
		"used": "API 사용량", "per": "최근 1분", "empty": "티켓이 없습니다.", "requester": "요청자", "group": "그룹", "tags": "태그", "fields": "필드",
		"internal": "내부 메모", "public": "공개 답변", "nobody": "상담원 본인", "change": "변경", "status": "상태", "say": "댓글 쓰기", "send": "보내기", "external": "외부 ID",
		"new": "신규", "open": "진행 중", "pending": "대기 중", "hold": "보류", "solved": "해결됨", "closed": "종료", "default": "Zendesk 규칙에 맡김",
	},
	"en": {
		"title": "Zendesk (simulator)", "lead": "The tickets as an agent sees them. A change of status or a comment sends the webhook.",
		"used": "API calls", "per": "in the last minute", "empty": "There are no tickets.", "requester": "Requester", "group": "Group", "tags": "Tags", "fields": "Fields",
		"internal": "Internal note", "public": "Public reply", "nobody": "the agent", "change": "Change", "status": "Status", "say": "Write a comment", "send": "Submit", "external": "External id",
		"new": "New", "open": "Open", "pending": "Pending", "hold": "On hold", "solved": "Solved", "closed": "Closed", "default": "By Zendesk's rules",
	},
}

// view is what the page shows.
type view struct {
	look.Page
	Used, Limit int
	Statuses    []string
	Columns     []column
}

type column struct {
	Status  string
	Tickets []row
}

type row struct {
	Ticket
	Who, Mail, Queue, Ref string
	Set                   []setField
}

type setField struct {
	Title string
	Value any
}

// shown is how many tickets of a status the board shows, the newest first.
const shown = 50

func (s *Server) view(w http.ResponseWriter, r *http.Request) {
	v := view{Page: look.For(r, words), Statuses: statuses}
	s.mu.Lock()
	v.Used, v.Limit = s.used(time.Now()), s.plan()
	for _, status := range statuses {
		v.Columns = append(v.Columns, s.column(status, v.W))
	}
	s.mu.Unlock()
	look.Show(w, page, v)
}

func (s *Server) column(status string, w map[string]string) column {
	c := column{Status: status}
	for _, t := range slices.Backward(s.tickets) {
		if t.Status == status && len(c.Tickets) < shown {
			c.Tickets = append(c.Tickets, s.row(*t, w))
		}
	}
	return c
}

func (s *Server) row(t Ticket, w map[string]string) row {
	u := s.byID(t.Requester)
	out := row{Ticket: t, Who: u.Name, Mail: u.Mail, Queue: w["default"]}
	if u.ID == agent.ID {
		out.Who, out.Mail = w["nobody"], ""
	}
	if t.External != nil {
		out.Ref = *t.External
	}
	for _, g := range s.groups {
		if t.Group != nil && g.ID == *t.Group {
			out.Queue = g.Name
		}
	}
	for i, f := range t.Fields {
		if f.Value != nil {
			out.Set = append(out.Set, setField{s.Fields[i].Title, f.Value})
		}
	}
	return out
}
