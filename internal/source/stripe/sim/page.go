package sim

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/engawa/engawa/internal/look"
)

//go:embed style.css
var styleText []byte

//go:embed page.html
var pageText string

var page = look.Template(pageText, nil)

// words of the page, by language; those of a scenario are under its name.
var words = map[string]map[string]string{
	"ja": {
		"title": "Stripe(シミュレーター)", "to": "出来事の送り先:", "nowhere": "送り先がありません。--to を付けて起動してください。",
		"manners": "すべて署名付きです。二度届くものや、順番どおりに届かないものがあります。2xxで応えないと、全部で5回まで送り直します。",
		"sent":    "送った出来事(新しい順)", "empty": "まだ何も送っていません。上のボタンを押してください。", "silence": "応答なし",
		"started": "契約の開始", "application failed": "申し込み時の決済失敗", "card failed": "カードの決済失敗", "card recovered": "決済の回復", "paid by hand": "1回失敗した後の手動支払い",
		"authentication": "本人認証が必要", "cancellation booked": "解約の予約", "cancellation called off": "解約予約の取り消し", "ended as booked": "予約どおりの終了",
		"ended unpaid": "未払いによる終了", "never begun": "開始前の失効", "paused": "一時停止", "resumed": "再開", "trial ending": "試用期間がまもなく終了",
		"bill failed": "契約のない請求の決済失敗", "renewed": "更新", "refunded": "返金", "disputed": "チャージバック", "a new type": "未知の種類",
	},
	"ko": {
		"title": "Stripe(시뮬레이터)", "to": "이벤트를 보낼 곳:", "nowhere": "보낼 곳이 없습니다. --to를 붙여 시작해 주십시오.",
		"manners": "모두 서명되어 있습니다. 두 번 오거나 순서가 바뀌어 오는 이벤트가 있습니다. 2xx로 응답하지 않으면 모두 다섯 번까지 다시 보냅니다.",
		"sent":    "보낸 이벤트(최신순)", "empty": "아직 보낸 이벤트가 없습니다. 위의 버튼을 눌러 주십시오.", "silence": "응답 없음",
		"started": "계약 시작", "application failed": "신청 시 결제 실패", "card failed": "카드 결제 실패", "card recovered": "결제 복구", "paid by hand": "한 번 실패한 뒤 직접 결제",
		"authentication": "본인 인증 필요", "cancellation booked": "해지 예약", "cancellation called off": "해지 예약 취소", "ended as booked": "예약대로 종료",
		"ended unpaid": "미납으로 종료", "never begun": "시작 전 만료", "paused": "일시 중지", "resumed": "재개", "trial ending": "체험 기간 종료 임박",
		"bill failed": "계약 없는 청구의 결제 실패", "renewed": "갱신", "refunded": "환불", "disputed": "이의 제기(차지백)", "a new type": "알 수 없는 종류",
	},
	"en": {
		"title": "Stripe (simulator)", "to": "Events go to", "nowhere": "There is no endpoint: start it with --to.",
		"manners": "All are signed. Some go twice, and not in their order; what is not answered with 2xx goes again, five times in all.",
		"sent":    "Sent, newest first", "empty": "Nothing yet. Press a button above.", "silence": "no answer",
		"started": "Subscription started", "application failed": "First payment failed", "card failed": "Card failed", "card recovered": "Card recovered", "paid by hand": "Paid by hand after one failure",
		"authentication": "Authentication needed", "cancellation booked": "Cancellation booked", "cancellation called off": "Cancellation called off", "ended as booked": "Ended as booked",
		"ended unpaid": "Ended unpaid", "never begun": "Expired before it began", "paused": "Paused", "resumed": "Resumed", "trial ending": "Trial ends soon",
		"bill failed": "A bill without a contract failed", "renewed": "Renewed", "refunded": "Refunded", "disputed": "Disputed", "a new type": "A type nobody knows",
	},
}

// view is what the page shows.
type view struct {
	look.Page
	To    string
	Names []string
	Sent  []Post
}

// ServeHTTP shows the page and plays scenarios.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /":
		sent := s.Sent()
		slices.Reverse(sent)
		look.Show(w, page, view{look.For(r, words), s.URL, Names(), sent})
	case "GET /_sim/style.css":
		look.Style(w, styleText)
	case "GET /_sim/live.js":
		look.Live(w, r)
	case "GET /_sim/log":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"sent": s.Sent()})
	case "POST /play":
		s.play(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) play(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	events, ok := Scenarios[r.PostFormValue("scenario")]
	if !ok || s.URL == "" {
		http.Error(w, "name a scenario of the page, and give the simulator an endpoint", http.StatusBadRequest)
		return
	}
	// The tries go on when the page is gone, as Stripe's do.
	go s.Send(context.WithoutCancel(r.Context()), events(s)...) //nolint:errcheck // the log tells
	http.Redirect(w, r, "/?lang="+look.Language(r), http.StatusSeeOther)
}
