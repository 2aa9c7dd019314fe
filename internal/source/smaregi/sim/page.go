package sim

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/engawa/engawa/internal/look"
)

//go:embed style.css
var styleText []byte

//go:embed page.html
var pageText string

var page = look.Template(pageText, nil)

// words of the page, by language.
var words = map[string]map[string]string{
	"ja": {
		"title": "スマレジ(シミュレーター)", "to": "通知の送り先:", "nowhere": "送り先がありません。--to を付けて起動してください。",
		"rude": "通知を2件ずつ逆順で2回送る(切り替え)", "on": "入", "off": "切",
		"manners": "通知は署名なしで、送り直しません。200と空の本文を3秒以内に返さないと違反として残ります。",
		"shares":  "アドレスの共有に同意", "withheld": "同意していない", "tick": "同意を切り替える", "sent": "送った通知(新しい順)", "empty": "まだ何も送っていません。",
		"start": "利用開始", "end": "利用終了", "change-plan": "プラン変更", "change-options": "オプション変更", "force-stop": "強制停止", "cancel-force-stop": "強制停止の解除", "silence": "応答なし",
	},
	"ko": {
		"title": "스마레지(시뮬레이터)", "to": "알림을 보낼 곳:", "nowhere": "보낼 곳이 없습니다. --to를 붙여 시작해 주십시오.",
		"rude": "알림을 2건씩 거꾸로 두 번 보내기(바꾸기)", "on": "켜짐", "off": "꺼짐",
		"manners": "알림은 서명 없이 보내고 다시 보내지 않습니다. 3초 안에 200과 빈 본문으로 응답하지 않으면 위반으로 남습니다.",
		"shares":  "주소 공유에 동의함", "withheld": "동의하지 않음", "tick": "동의 바꾸기", "sent": "보낸 알림(최신순)", "empty": "아직 보낸 알림이 없습니다.",
		"start": "이용 시작", "end": "이용 종료", "change-plan": "요금제 변경", "change-options": "옵션 변경", "force-stop": "강제 정지", "cancel-force-stop": "강제 정지 해제", "silence": "응답 없음",
	},
	"en": {
		"title": "Smaregi (simulator)", "to": "Notices go to", "nowhere": "There is nowhere to send: start it with --to.",
		"rude": "Send notices in pairs, the later one first, both twice", "on": "on", "off": "off",
		"manners": "Notices are unsigned and never sent again. What is not answered with 200 and an empty body within 3 seconds is a violation.",
		"shares":  "shares the address", "withheld": "does not share it", "tick": "Tick or untick the box", "sent": "Sent, newest first", "empty": "Nothing yet.",
		"start": "Start", "end": "End", "change-plan": "Change plan", "change-options": "Change options", "force-stop": "Force stop", "cancel-force-stop": "Lift the stop", "silence": "no answer",
	},
}

type view struct {
	look.Page
	To        string
	Rude      bool
	Contracts []Contract
	Actions   []string
	Sent      []Notice
}

// ServeHTTP answers Smaregi's calls; a page at / shows the contracts and plays what
// may happen to them, GET /_sim/log tells what was called and sent.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /":
		sent := s.Sent()
		slices.Reverse(sent)
		contracts, rude := s.standing()
		look.Show(w, page, view{look.For(r, words), s.Hook.URL, rude, contracts, Actions, sent})
	case "GET /_sim/style.css":
		look.Style(w, styleText)
	case "GET /_sim/live.js":
		look.Live(w, r)
	case "GET /_sim/log":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"calls": s.Calls(), "sent": s.Sent()})
	case "POST /play":
		s.play(w, r)
	default:
		s.serve(w, r)
	}
}

func (s *Server) standing() (all []Contract, rude bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.Contracts {
		all = append(all, *c)
	}
	return all, s.Rude
}

func (s *Server) play(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	contract, action := r.PostFormValue("contract"), r.PostFormValue("action")
	switch {
	case action == "tick":
		s.Change(contract, func(c *Contract) { c.Shares = !c.Shares })
	case action == "rude":
		s.mu.Lock()
		s.Rude = !s.Rude
		s.mu.Unlock()
	case slices.Contains(Actions, action) && s.Hook.URL != "":
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 2*Patience)
		defer cancel()
		_ = s.Act(ctx, contract, action, time.Now().In(time.FixedZone("", 9*60*60)).Format(time.DateOnly)) // the log tells
	default:
		http.Error(w, "name an action of the page, and give the simulator somewhere to send", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, "/?lang="+look.Language(r), http.StatusSeeOther)
}
