package relay

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/engawa/engawa/internal/letter"
	"github.com/engawa/engawa/internal/refusal"
	"github.com/engawa/engawa/internal/store"
)

// Kind is what an incoming mail about a delivery is.
type Kind string

// The kinds. Each but Aside and Noise becomes an event.
const (
	Returned  Kind = "returned"  // it did not arrive
	Delayed   Kind = "delayed"   // a server still tries
	Arrived   Kind = "arrived"   // a server says that it did
	Complaint Kind = "complaint" // somebody called it spam
	Auto      Kind = "auto"      // a program answered, or our own mail came round
	Answer    Kind = "answer"    // a person answered
	Aside     Kind = "aside"     // a report that nobody complains in: a person reads it
	Noise     Kind = "noise"     // nothing to keep
)

// Finding is what an incoming mail about a delivery means.
type Finding struct {
	Kind   Kind
	Reason refusal.Reason // of Returned
	Status string
	Code   string
	Why    string // of Auto: by what it was known; of Complaint and Aside: its type
	Theirs bool   // of Answer: From is the address that was written to
	Dedup  string // the same for the same fact; of Returned the store makes it
}

// Judge says what a mail is that came to an address of the delivery h. from is
// its return path. It decides nothing by what the mail says of whom it was sent
// to: only the token told whose it is.
func Judge(l *letter.Letter, from string, named Named, h store.Handed) Finding {
	switch {
	case l.Report != nil && l.Report.Complaint != "":
		return complaint(l.Report, named)
	case l.Report != nil && l.Report.Receipt:
		return Finding{Kind: Auto, Why: "receipt", Dedup: "auto:" + named.ID + ":" + digest(l)}
	case l.Report != nil && len(l.Report.Fates) > 0:
		return reported(l.Report, named, h)
	case named.Use == Bounce && (bounceByWords(l, from) || challenges(l)):
		return worded(l)
	}
	if why := automatic(l, from, h); why != "" {
		return Finding{Kind: Auto, Why: why, Dedup: "auto:" + named.ID + ":" + digest(l)}
	}
	return Finding{Kind: Answer, Theirs: l.From != "" && l.From == strings.ToLower(h.Address.Reveal()), Dedup: "answer:" + named.ID + ":" + digest(l)}
}

// asides are the types of reports that are no complaint: that something is not spam
// (RFC 5965 7.3), and that a mail could not be proved (RFC 6591 3.1).
var asides = []string{"not-spam", "auth-failure"}

// complaint reads a feedback report.
func complaint(r *letter.Report, named Named) Finding {
	if slices.Contains(asides, r.Complaint) {
		return Finding{Kind: Aside, Why: r.Complaint}
	}
	return Finding{Kind: Complaint, Why: r.Complaint, Dedup: "complaint:" + named.ID}
}

// reported reads a delivery status notification: of several recipients the one
// that was written to; else the first that failed, which is then an address that
// the mailbox forwards to, and costs the mailbox nothing.
func reported(r *letter.Report, named Named, h store.Handed) Finding {
	ours := strings.ToLower(h.Address.Reveal())
	isOurs := func(f letter.Fate) bool { return slices.Contains(f.To, ours) }
	i := slices.IndexFunc(r.Fates, isOurs)
	if i < 0 {
		i = max(0, slices.IndexFunc(r.Fates, func(f letter.Fate) bool { return f.Action == "failed" || f.Action == "" }))
	}
	f := r.Fates[i]
	switch f.Action {
	case "delayed":
		return Finding{Kind: Delayed, Status: f.Status, Dedup: "delayed:" + named.ID}
	case "delivered":
		return Finding{Kind: Arrived, Status: f.Status, Dedup: "arrived:" + named.ID}
	case "relayed", "expanded":
		return Finding{Kind: Noise, Why: f.Action}
	}
	why := refusal.Read(f.Status, f.Diagnostic)
	if !isOurs(f) && len(f.To) > 0 && why.Reason.Class() == refusal.Hard {
		why.Reason = refusal.Elsewhere
	}
	return returned(why)
}

func returned(r refusal.Refusal) Finding {
	return Finding{Kind: Returned, Reason: r.Reason, Status: r.Status, Code: r.Code}
}

// bounceByWords reports a bounce of a server that knows no RFC 3464: it comes to
// the return path, from nobody or a mailer, and speaks of a failure.
func bounceByWords(l *letter.Letter, from string) bool {
	local, _, _ := strings.Cut(l.From, "@")
	mailer := from == "" || slices.Contains([]string{"mailer-daemon", "postmaster", "mail-daemon", "mdaemon", "maildelivery", "bounce"}, local)
	return mailer && failing(l) && l.Field("Auto-Submitted") != "auto-replied"
}

// challenges reports a mail of a program that holds ours until somebody proves to
// be a person. It is not answered: whoever could make us answer could have us
// write to anybody.
func challenges(l *letter.Letter) bool {
	return refusal.Challenges(l.Subject + "\n" + head(l.Text))
}

// failures are what subjects of bounces say, in lower case.
var failures = []string{
	"undeliver", "delivery status", "delivery fail", "failure notice", "returned mail", "mail delivery", "not delivered", "could not be delivered", "delivery problem", "delivery report",
	"配信不能", "配信できません", "送信できません", "不達", "エラーメール", "届けられません", "전송 실패", "전달할 수 없", "반송", "배달 실패", "발송실패", "전송실패",
}

func failing(l *letter.Letter) bool {
	subject := strings.ToLower(l.Subject)
	if slices.ContainsFunc(failures, func(f string) bool { return strings.Contains(subject, f) }) {
		return true
	}
	return l.Field("X-Failed-Recipients") != "" // Exim
}

// scanned is how much of a bounce's words is read: the reason comes before the
// mail that is returned.
const scanned = 4 << 10

func worded(l *letter.Letter) Finding {
	return returned(refusal.Read("", l.Subject+"\n"+head(l.Text)))
}

// head is the text up to where the returned mail begins.
func head(text string) string {
	for _, mark := range []string{"\nReturn-Path:", "\nReceived:", "\n--- ", "\n------ ", "-----Original", "----- Original"} {
		if i := strings.Index(text, mark); i > 0 {
			text = text[:i]
		}
	}
	if len(text) > scanned {
		text = strings.ToValidUTF8(text[:scanned], "")
	}
	return text
}

// automatic says by what a mail is known to come from no person (RFC 3834 2,
// RFC 3834 5; X-Auto-Response-Suppress is Microsoft's, MS-OXCMAIL 2.1.3.2.20);
// empty: by nothing.
func automatic(l *letter.Letter, from string, h store.Handed) string {
	submitted, _, _ := strings.Cut(strings.ToLower(l.Field("Auto-Submitted")), ";")
	precedence := strings.ToLower(l.Field("Precedence"))
	switch {
	case h.ProviderID != "" && l.MessageID == h.ProviderID:
		return "loop" // our own mail came round
	case from == "":
		return "null_sender"
	case strings.TrimSpace(submitted) != "" && strings.TrimSpace(submitted) != "no":
		return "auto_submitted"
	case slices.Contains([]string{"bulk", "list", "junk", "auto_reply"}, precedence):
		return "precedence"
	case l.Count("List-Id")+l.Count("List-Unsubscribe")+l.Count("List-Post")+l.Count("Mailing-List") > 0:
		return "list"
	case l.Count("X-Auto-Response-Suppress") > 0, l.Count("X-Autoreply")+l.Count("X-Autorespond")+l.Count("X-Autoresponder") > 0:
		return "auto_response"
	case l.From == "":
		return "no_sender"
	}
	return away(l)
}

// vacations are how answers of programs begin that carry no mark, in lower case.
var vacations = []string{
	"out of office", "out of the office", "automatic reply", "auto reply", "autoreply", "auto-reply", "auto:", "vacation",
	"自動返信", "自動応答", "不在", "자동 응답", "자동응답", "자동 회신", "부재중",
}

func away(l *letter.Letter) string {
	subject := strings.ToLower(l.Subject)
	if slices.ContainsFunc(vacations, func(v string) bool {
		return strings.HasPrefix(subject, v) || strings.HasPrefix(subject, "【"+v) || strings.HasPrefix(subject, "["+v)
	}) {
		return "vacation"
	}
	local, _, _ := strings.Cut(l.From, "@")
	if slices.Contains([]string{"mailer-daemon", "postmaster", "noreply", "no-reply", "daemon"}, local) {
		return "mailer"
	}
	return ""
}

// digest names a mail by what it says, not by the way that it took: a server
// that sends it again after a lost answer brings the same one.
func digest(l *letter.Letter) string {
	h := sha256.New()
	for _, s := range []string{l.From, l.Field("Date"), l.MessageID, l.Subject, l.Text} {
		_, _ = h.Write([]byte(s)) // a hash takes everything
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// maxAnswer is how much of an answer is kept.
const maxAnswer = 64 << 10

// answer is what a person wrote, without what was quoted below it as far as that
// is marked.
func answer(text string) string {
	lines := strings.Split(text, "\n")
	end := len(lines)
	for end > 0 && quoted(lines[end-1]) {
		end--
	}
	if end < len(lines) && end > 0 && introduces(lines[end-1]) {
		end--
	}
	text = strings.TrimSpace(strings.Join(lines[:end], "\n"))
	for len(text) > maxAnswer {
		text = text[:maxAnswer]
		for !utf8.ValidString(text) {
			text = text[:len(text)-1]
		}
	}
	return text
}

func quoted(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || strings.HasPrefix(line, ">")
}

// introduces reports the line above a quotation: "On …, … wrote:" in any language.
func introduces(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasSuffix(line, ":") || strings.HasSuffix(line, "：")
}
