package sim

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa/internal/look"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText []byte

// words of the page, by language.
var words = map[string]map[string]string{
	"ja": {
		"when": "日時", "subject": "件名", "wayout": "停止", "oneclick": "ワンクリックで配信を停止できます", "signed": "署名", "valid": "有効です", "broken": "壊れています", "unknown": "鍵が見つからず、確かめられません", "unsigned": "署名はありません", "source": "メールの原文",
		"title": "受信箱", "lead": "お客さまの受信箱に届いたメールを、そのままお見せします。",
		"empty":  "まだメールは届いていません。メールのチャネルからテスト送信をすると、ここに並びます。",
		"choose": "左の一覧からメールをお選びください。", "back": "一覧へ戻る", "gone": "このメールはもう残っていません。",
		"from": "差出人", "to": "宛先", "nosubject": "（件名なし）", "html": "表示", "text": "テキスト", "headers": "ヘッダー", "raw": "原文を開く",
		"unsubscribe": "配信を停止する", "unsubscribed": "配信停止の依頼を送りました。相手の返答：", "failed": "配信停止の依頼が届きませんでした：",
		"clear": "受信箱を空にする", "count": "通",
		"reply": "返信", "send": "送信", "replied": "返信を送りました。", "unsent": "返信を送れませんでした：", "blank": "本文を書いてから、もう一度「送信」を押してください。",
	},
	"ko": {
		"when": "일시", "subject": "제목", "wayout": "수신 거부", "oneclick": "원클릭 수신 거부가 들어 있습니다", "signed": "서명", "valid": "유효합니다", "broken": "손상되었습니다", "unknown": "키를 찾지 못해 확인할 수 없습니다", "unsigned": "서명이 없습니다", "source": "메일 원문",
		"title": "받은편지함", "lead": "고객의 받은편지함에 도착한 메일을 그대로 보여 드립니다.",
		"empty":  "아직 도착한 메일이 없습니다. 메일 채널에서 테스트 발송을 하면 여기에 표시됩니다.",
		"choose": "왼쪽 목록에서 메일을 선택해 주십시오.", "back": "목록으로 돌아가기", "gone": "이 메일은 더 이상 남아 있지 않습니다.",
		"from": "보낸 사람", "to": "받는 사람", "nosubject": "(제목 없음)", "html": "보기", "text": "텍스트", "headers": "헤더", "raw": "원문 열기",
		"unsubscribe": "수신 거부", "unsubscribed": "수신 거부 요청을 보냈습니다. 상대의 응답: ", "failed": "수신 거부 요청이 전달되지 않았습니다: ",
		"clear": "받은편지함 비우기", "count": "통",
		"reply": "회신", "send": "보내기", "replied": "회신을 보냈습니다.", "unsent": "회신을 보내지 못했습니다: ", "blank": "내용을 쓴 뒤 ‘보내기’를 다시 눌러 주십시오.",
	},
	"en": {
		"when": "When", "subject": "Subject", "wayout": "Way out", "oneclick": "One-click unsubscribe present", "signed": "Signed by", "valid": "valid", "broken": "broken", "unknown": "not checked: no key found", "unsigned": "Not signed", "source": "The mail as it was sent",
		"title": "Inbox", "lead": "The mails as they reach a customer's inbox.",
		"empty":  "No mail has arrived yet. Send a test from a mail channel and it will be listed here.",
		"choose": "Choose a mail from the list.", "back": "Back to the list", "gone": "This mail is no longer kept.",
		"from": "From", "to": "To", "nosubject": "(no subject)", "html": "View", "text": "Text", "headers": "Headers", "raw": "Open the source",
		"unsubscribe": "Unsubscribe", "unsubscribed": "The request to unsubscribe was sent. Answer: ", "failed": "The request to unsubscribe did not get through: ",
		"clear": "Empty the inbox", "count": "mails",
		"reply": "Reply", "send": "Send", "replied": "The reply was sent.", "unsent": "The reply was not sent: ", "blank": "Write something, then press Send again.",
	},
}

// view is what the page shows.
type view struct {
	look.Page
	Mails   []Mail
	Open    *Mail
	Gone    bool
	Answers bool // a mail can be answered
	Notice  notice
}

// notice says what came of a button.
type notice struct {
	Text  string
	Bad   bool
	Typed string // an answer that was not sent
}

// ServeHTTP is the inbox's page, and its JSON at /api/mails.
func (b *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.start()
	b.page.ServeHTTP(w, r)
}

func (b *Inbox) routes() http.Handler {
	t := look.Template(pageText, template.FuncMap{"pieces": pieces, "frame": frame, "clock": clock, "date": date, "source": source})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { b.show(w, r, t, notice{}) })
	mux.HandleFunc("GET /mails/{id}", func(w http.ResponseWriter, r *http.Request) { b.show(w, r, t, notice{}) })
	mux.HandleFunc("GET /mails/{id}/raw", b.raw)
	mux.HandleFunc("POST /mails/{id}", func(w http.ResponseWriter, r *http.Request) { b.press(w, r, t) })
	mux.HandleFunc("POST /clear", b.empty)
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, _ *http.Request) {
		look.Style(w, styleText)
	})
	mux.HandleFunc("GET /api/mails", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, newestFirst(b.Mails())) })
	mux.HandleFunc("GET /api/mails/{id}", b.one)
	mux.HandleFunc("DELETE /api/mails", func(w http.ResponseWriter, _ *http.Request) {
		b.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

func newestFirst(m []Mail) []Mail {
	slices.Reverse(m)
	return m
}

func (b *Inbox) asked(r *http.Request) (Mail, bool) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return Mail{}, false
	}
	return b.Mail(id)
}

func (b *Inbox) show(w http.ResponseWriter, r *http.Request, t *template.Template, said notice) {
	v := view{Page: look.For(r, words), Mails: newestFirst(b.Mails()), Answers: b.Relay != "", Notice: said}
	status := http.StatusOK
	if r.PathValue("id") != "" {
		if m, ok := b.asked(r); ok {
			v.Open = &m
		} else {
			v.Gone, status = true, http.StatusNotFound
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	// The mail's own HTML sits in a sandboxed frame that inherits this: no
	// scripts, no forms, nothing loaded from elsewhere.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'")
	w.WriteHeader(status)
	_ = t.Execute(w, v)
}

func (b *Inbox) raw(w http.ResponseWriter, r *http.Request) {
	m, ok := b.asked(r)
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(m.Raw)
}

func (b *Inbox) one(w http.ResponseWriter, r *http.Request) {
	m, ok := b.asked(r)
	if !ok {
		http.NotFound(w, r)
		return
	}
	writeJSON(w, m)
}

func (b *Inbox) empty(w http.ResponseWriter, r *http.Request) {
	b.Clear()
	http.Redirect(w, r, "./?lang="+look.Language(r), http.StatusSeeOther) //nolint:gosec // ja, ko or en
}

// maxForm is how long a form may be, in octets.
const maxForm = 64 << 10

// press does what a button of a mail program does.
func (b *Inbox) press(w http.ResponseWriter, r *http.Request, t *template.Template) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	m, ok := b.asked(r)
	word := words[look.Language(r)]
	switch do := r.PostFormValue("do"); {
	case ok && do == "unsubscribe" && m.Unsubscribe != "":
		b.show(w, r, t, b.unsubscribe(r, m, word))
	case ok && do == "reply" && b.Relay != "":
		b.show(w, r, t, b.answer(m, r.PostFormValue("text"), word))
	default:
		http.NotFound(w, r)
	}
}

// unsubscribe is RFC 8058.
func (b *Inbox) unsubscribe(r *http.Request, m Mail, word map[string]string) notice {
	status, err := b.oneClick(r, m.Unsubscribe)
	if err != nil {
		return notice{Text: word["failed"] + err.Error(), Bad: true}
	}
	return notice{Text: word["unsubscribed"] + status}
}

// answer sends what the reader of a mail wrote.
func (b *Inbox) answer(m Mail, text string, word map[string]string) notice {
	if text = strings.TrimSpace(text); text == "" {
		return notice{Text: word["blank"], Bad: true}
	}
	if err := b.reply(m, text); err != nil {
		return notice{word["unsent"] + err.Error(), true, text}
	}
	return notice{Text: word["replied"]}
}

func (b *Inbox) oneClick(r *http.Request, link string) (string, error) {
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, link, strings.NewReader("List-Unsubscribe=One-Click"))
	if err != nil {
		return "", fmt.Errorf("ask: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := b.HTTP
	if client == nil {
		client = &http.Client{
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	res, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask: %w", err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 1<<16)
	return strconv.Itoa(res.StatusCode) + " " + http.StatusText(res.StatusCode), nil
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// piece is a stretch of text, a link or not.
type piece struct {
	Text string
	Link bool
}

var link = regexp.MustCompile(`https?://[^\s<>"「」（）]+`)

// pieces cuts s so that its links can be clicked.
func pieces(s string) []piece {
	var out []piece
	done := 0
	for _, at := range link.FindAllStringIndex(s, -1) {
		out = append(out, piece{Text: s[done:at[0]]}, piece{Text: s[at[0]:at[1]], Link: true})
		done = at[1]
	}
	return append(out, piece{Text: s[done:]})
}

// frame is the document of a mail's HTML; its links open outside the frame.
// The template escapes it once, for the attribute.
func frame(html string) string {
	return `<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light"><base target="_blank">` +
		`<style>:root{background:#fff;color:#26211a;font:16px/1.6 sans-serif}</style>` + html
}

func clock(t time.Time) string { return t.Format("15:04:05") }

func date(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") }

// source is the beginning of the mail as it was sent, as far as a page should show it.
func source(raw []byte) string {
	const most = 64 << 10
	return strings.ToValidUTF8(string(raw[:min(len(raw), most)]), "\uFFFD")
}
