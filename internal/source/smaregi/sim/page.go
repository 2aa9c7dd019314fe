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
		"who": "サインインする利用者", "owner": "所有者", "staff": "スタッフ", "choose": "利用者を選ぶと、次のサインインはその人になります。", "info": "ユーザー情報", "fine": "正常", "refused": "401で断る", "broken": "500で壊れる", "garbage": "JSONでない", "bare": "契約がない", "malformed": "契約IDが不正", "nomail": "メールアドレスを教えない(切り替え)",
	},
	"ko": {
		"title": "스마레지(시뮬레이터)", "to": "알림을 보낼 곳:", "nowhere": "보낼 곳이 없습니다. --to를 붙여 시작해 주십시오.",
		"rude": "알림을 2건씩 거꾸로 두 번 보내기(바꾸기)", "on": "켜짐", "off": "꺼짐",
		"manners": "알림은 서명 없이 보내고 다시 보내지 않습니다. 3초 안에 200과 빈 본문으로 응답하지 않으면 위반으로 남습니다.",
		"shares":  "주소 공유에 동의함", "withheld": "동의하지 않음", "tick": "동의 바꾸기", "sent": "보낸 알림(최신순)", "empty": "아직 보낸 알림이 없습니다.",
		"start": "이용 시작", "end": "이용 종료", "change-plan": "요금제 변경", "change-options": "옵션 변경", "force-stop": "강제 정지", "cancel-force-stop": "강제 정지 해제", "silence": "응답 없음",
		"who": "로그인하는 사용자", "owner": "소유자", "staff": "직원", "choose": "사용자를 고르면 다음 로그인은 그 사람이 됩니다.", "info": "사용자 정보", "fine": "정상", "refused": "401로 거절", "broken": "500으로 고장", "garbage": "JSON이 아님", "bare": "계약이 없음", "malformed": "계약 ID가 잘못됨", "nomail": "메일 주소를 알려 주지 않음(바꾸기)",
	},
	"en": {
		"title": "Smaregi (simulator)", "to": "Notices go to", "nowhere": "There is nowhere to send: start it with --to.",
		"rude": "Send notices in pairs, the later one first, both twice", "on": "on", "off": "off",
		"manners": "Notices are unsigned and never sent again. What is not answered with 200 and an empty body within 3 seconds is a violation.",
		"shares":  "shares the address", "withheld": "does not share it", "tick": "Tick or untick the box", "sent": "Sent, newest first", "empty": "Nothing yet.",
		"start": "Start", "end": "End", "change-plan": "Change plan", "change-options": "Change options", "force-stop": "Force stop", "cancel-force-stop": "Lift the stop", "silence": "no answer",
		"who": "Who signs in", "owner": "owner", "staff": "staff", "choose": "Choose a user: the next sign-in is theirs.", "info": "User info", "fine": "as it should be", "refused": "refused with 401", "broken": "broken with 500", "garbage": "no JSON", "bare": "no contract", "malformed": "a contract id that is none", "nomail": "Tell no mail address",
	},
}

type view struct {
	look.Page
	To        string
	Rude      bool
	NoMail    bool
	User      string // who signs in
	Fault     string
	Faults    []string
	Contracts []Contract
	Actions   []string
	Sent      []Notice
}

// ServeHTTP answers Smaregi's calls; a page at / shows the contracts and plays what
// may happen to them, GET /_sim/log tells what was called and sent.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /":
		v := s.standing()
		v.Page = look.For(r, words)
		look.Show(w, page, v)
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

func (s *Server) standing() view {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := view{To: s.Hook.URL, Rude: s.Rude, NoMail: s.NoMail, Fault: s.fault, Faults: Faults, Actions: Actions, Sent: slices.Clone(s.sent)}
	slices.Reverse(v.Sent)
	for _, c := range s.Contracts {
		v.Contracts = append(v.Contracts, *c)
	}
	if c, u := s.visitor(); u != nil {
		v.User = subject(c.ID, u.ID)
	}
	return v
}

// Is reports whether a user is the one who signs in.
func (v view) Is(contract, user string) bool { return v.User == subject(contract, user) }

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
	case action == "nomail":
		s.mu.Lock()
		s.NoMail = !s.NoMail
		s.mu.Unlock()
	case action == "fine":
		s.Fault("")
	case slices.Contains(Faults, action):
		s.Fault(action)
	case r.PostFormValue("user") != "":
		s.SignIn(contract, r.PostFormValue("user"))
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
