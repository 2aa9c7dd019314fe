package sim

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"

	"github.com/engawa/engawa/internal/look"
)

//go:embed page.html
var pageText string

var view = look.Template(pageText, nil)

// words of the page, by language.
var words = map[string]map[string]string{
	"ja": {
		"title": "メルマガの名簿(シミュレーター)", "lead": "登録フォームだけを持つ古い配信システムの代わりです。外から変更や削除はできません。",
		"empty": "まだ誰も登録されていません。フォームから登録すると、ここに表示されます。", "forms": "登録フォーム", "list": "登録済み",
		"mail": "メールアドレス", "name": "お名前", "plan": "プランID", "at": "登録時刻", "waits": "本人の確認待ち", "broken": "文字化け",
	},
	"ko": {
		"title": "메일 목록(시뮬레이터)", "lead": "등록 폼만 있는 오래된 발송 시스템을 대신합니다. 밖에서 변경하거나 삭제할 수 없습니다.",
		"empty": "아직 등록된 사람이 없습니다. 폼으로 등록하면 여기에 표시됩니다.", "forms": "등록 폼", "list": "등록됨",
		"mail": "메일 주소", "name": "이름", "plan": "플랜 ID", "at": "등록 시각", "waits": "본인 확인 대기", "broken": "글자 깨짐",
	},
	"en": {
		"title": "Mailing list (simulator)", "lead": "Stands in for an old list system that has registration forms and nothing else. Nothing can be changed or removed from outside.",
		"empty": "Nobody is registered yet. Whoever registers through a form will be listed here.", "forms": "Registration forms", "list": "Registered",
		"mail": "Mail address", "name": "Name", "plan": "Plan id", "at": "Registered at", "waits": "waits for the person", "broken": "broken letters",
	},
}

// ledger is what the page shows.
type ledger struct {
	look.Page
	Forms   []Form
	Entries []Entry
}

// Who is the name of an entry as the list shows it.
func (e Entry) Who() string {
	return strings.TrimSpace(e.Name + " " + e.Family + " " + e.Given)
}

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	v := ledger{Page: look.For(r, words), Entries: s.Entries()}
	slices.Reverse(v.Entries)
	s.mu.Lock()
	for _, f := range s.forms {
		v.Forms = append(v.Forms, *f)
	}
	s.mu.Unlock()
	look.Show(w, view, v)
}
