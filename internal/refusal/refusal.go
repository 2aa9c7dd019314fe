// Package refusal reads what a receiver says that does not take a mail, the same
// whether it says so at the hand-over or in a report that comes back. It is pure.
package refusal

import (
	"regexp"
	"strings"
	"time"

	"github.com/engawa/engawa/internal/breaker"
)

const day = 24 * time.Hour

// Class is what a refusal means.
type Class string

// The classes. Only Hard and Soft speak of the recipient.
const (
	Hard      Class = "hard"      // there is no such mailbox
	Soft      Class = "soft"      // not now: full, switched off, out of reach
	Block     Class = "block"     // the receiver does not trust this sender
	Policy    Class = "policy"    // the receiver does not take this mail: its size, its content, a rule
	Challenge Class = "challenge" // a program wants to be answered before it lets the mail in
)

// Reason is what exactly; each has its rule of suppression.
type Reason string

// The reasons.
const (
	NoMailbox Reason = "no_mailbox"
	Disabled  Reason = "disabled"
	Full      Reason = "full"
	Elsewhere Reason = "elsewhere" // what failed is another address, to which the mailbox forwards
	Unreached Reason = "unreached"
	Distrust  Reason = "distrust"
	TooLarge  Reason = "too_large"
	Content   Reason = "content"
	Rule      Reason = "rule"
	Loop      Reason = "loop"
	Asked     Reason = "asked" // of Challenge
)

// Class is the class of a reason.
func (r Reason) Class() Class {
	switch r {
	case NoMailbox:
		return Hard
	case Distrust:
		return Block
	case TooLarge, Content, Rule, Loop:
		return Policy
	case Asked:
		return Challenge
	case Disabled, Full, Elsewhere, Unreached:
	}
	return Soft
}

// Limit is after how many refusals for a reason, within how long, the address is
// suppressed; 0: never. Codes of policy speak of us or of the words, and a host
// that cannot be reached may come back: they never cost a recipient the address.
func (r Reason) Limit() (after int, within time.Duration) {
	switch r {
	case NoMailbox:
		return 1, 0
	case Disabled:
		return 2, 7 * day
	case Full:
		return 5, 14 * day
	case Elsewhere, Unreached, Distrust, TooLarge, Content, Rule, Loop, Asked:
	}
	return 0, 0
}

// statuses says what enhanced status codes mean (RFC 3463, and the IANA registry
// of them); the class, 4 or 5, is left out. What is not here, x.0.0 among it, is
// read from the words.
var statuses = map[string]Reason{
	"1.1": NoMailbox, "1.2": NoMailbox, "1.3": NoMailbox, "1.6": NoMailbox, "1.10": NoMailbox, // 1.10: null MX, RFC 7505
	"2.1": Disabled, "2.2": Full, "2.3": TooLarge, "3.4": TooLarge,
	"3.1": Unreached, "3.2": Unreached, "4.1": Unreached, "4.2": Unreached, "4.3": Unreached, "4.4": Unreached, "4.5": Unreached, "4.7": Unreached,
	"4.6": Loop, "1.7": Distrust, "1.8": Distrust,
	"6.1": Content, "6.2": Content, "6.3": Content, "6.5": Content, "6.6": Content, "6.7": Content,
	"7.8": Distrust, "7.9": Distrust, "7.20": Distrust, "7.21": Distrust, "7.22": Distrust, "7.23": Distrust, "7.24": Distrust,
	"7.25": Distrust, "7.26": Distrust, "7.27": Distrust, "7.28": Distrust, "7.29": Distrust, "7.30": Distrust,
	"7.505": Distrust, "7.506": Distrust, "7.507": Distrust, "7.508": Distrust, "7.509": Distrust, "7.511": Distrust, "7.515": Distrust,
	"7.606": Distrust, "7.607": Distrust, "7.608": Distrust, "7.609": Distrust, "7.705": Distrust, "7.708": Distrust, "7.750": Distrust,
}

// phrases are what servers say where their codes say nothing, in lower case; the
// first that fits counts. Those that doubt the sender come first: "user unknown"
// is also said to senders who are not trusted, never the other way round.
var phrases = []struct {
	reason Reason
	say    *regexp.Regexp
}{
	{Asked, regexp.MustCompile(`confirm (that )?you are (a )?(human|person)|verify (that )?you are not a (robot|spammer)|challenge.response|must (first )?be (confirmed|verified) by (replying|clicking)|送信者の確認が必要|발신자 확인이 필요`)},
	{Distrust, regexp.MustCompile(`spf|dkim|dmarc|unauthenticated|blacklist|blocklist|black list|block list|blocked using|dnsbl|\brbl\b|\bspam\b|spamhaus|reputation|poor sender|suspicious|banned|not authori[sz]ed to send|rate.?limit|too many (messages|connections|mails)|relay(ing)? (access )?denied|rdns|reverse dns|ptr record|なりすまし|迷惑メール|送信元.{0,10}拒否|스팸|차단`)},
	{Loop, regexp.MustCompile(`mail loop|too many hops|loop(s)? detected|hop count`)},
	{TooLarge, regexp.MustCompile(`message (size )?(is )?too (large|big|long)|exceeds? (the )?(maximum|size|fixed)|size limit|サイズ.{0,12}(超|大き)|용량.{0,6}제한.{0,6}초과`)},
	{Full, regexp.MustCompile(`(mail ?box|inbox|disk|account|user|storage|quota).{0,30}(full|exceeded|over (its )?quota)|over ?quota|quota exceeded|insufficient (disk|storage)|容量.{0,12}(超|不足)|いっぱい|満杯|(메일함|사서함|편지함|용량).{0,16}(초과|가득)`)},
	{Disabled, regexp.MustCompile(`(account|mail ?box|user|recipient).{0,24}(disabled|inactive|suspended|deactivated|closed|expired|locked|dormant)|利用停止|休止|휴면|정지된 (계정|메일)`)},
	{NoMailbox, regexp.MustCompile(`(user|recipient|mail ?box|address|account|addressee)( [^ ]{1,80})? ?(is )?(unknown|not (be )?found|does ?n[o']t exist|doesn't have|no longer|invalid|unavailable here|not listed|not known)|(unknown|no such|invalid|nonexistent|non-existent|not a known|bad) (local )?(user|recipient|mail ?box|address|account|addressee|person)|no mailbox (here )?by that name|user doesn't|host (or domain name )?not found|domain.{0,30}(not exist|not found)|no longer (here|at|with|valid|exists)|宛先不明|宛先.{0,14}(見つかり|存在し|ありません)|(ユーザー|アドレス|メールアドレス).{0,14}(存在し|見つかり)|존재하지 않는|없는 (사용자|수신자|메일|주소)|(사용자|수신자|주소).{0,8}(없|찾을 수)`)},
	{Content, regexp.MustCompile(`virus|malware|content (was )?(rejected|not allowed)|message (was )?rejected (due to|because of|for) (its )?content|attachment.{0,30}(not allowed|blocked)|ウイルス|바이러스`)},
	{Rule, regexp.MustCompile(`policy|rejected by (the )?(recipient|user|rule)|access denied|not accepting|refused by|administrative|受信拒否|指定受信|受信.{0,6}設定|수신.{0,4}거부`)},
	{Unreached, regexp.MustCompile(`time(d)? ?out|connection (refused|reset|lost)|unreachable|could not be reached|retry (time|limit)|temporar|try again|greylist|graylist|配送.{0,8}(遅|できません)|一時的`)},
}

var (
	inWords  = regexp.MustCompile(`(?:^|[^0-9.])([245])\.(\d{1,3})\.(\d{1,3})(?:$|[^0-9.])`)
	codeWord = regexp.MustCompile(`(?:^|[^0-9.])([45]\d\d)(?:[ \-]|$)`)
)

// Refusal is what a receiver meant, and the codes that said so.
type Refusal struct {
	Reason Reason
	Status string // enhanced (RFC 3463); empty: none
	Code   string // of SMTP; empty: none
}

// String is the codes, "550 5.7.26".
func (r Refusal) String() string { return strings.TrimSpace(r.Code + " " + r.Status) }

// Blame says of whom a refusal speaks: the sender, or the mail; empty: of the
// recipient, or of nobody.
func (r Refusal) Blame() breaker.Said {
	switch r.Reason {
	case Distrust, Loop:
		return breaker.Refused
	case TooLarge, Content:
		return breaker.Unfit
	case Rule:
		if breaker.Blame(r.Status) == breaker.Refused { // else the recipient's own rule, told in words
			return breaker.Refused
		}
	case NoMailbox, Disabled, Full, Elsewhere, Unreached, Asked:
	}
	return ""
}

// Challenges reports words of a program that holds a mail until somebody proves to be
// a person.
func Challenges(words string) bool { return phrases[0].say.MatchString(strings.ToLower(words)) }

// Event is the type of the event that tells of a refusal for a reason.
func (r Reason) Event() string {
	switch r.Class() {
	case Hard, Soft:
		return "mail.bounced"
	case Block, Policy, Challenge:
	}
	return "mail.blocked"
}

// Read reads the enhanced status of a refusal and the words that came with it. The
// status counts where it says something and does not contradict itself: 2.0.0 of a
// mail that failed says nothing. Codes that many servers use for anything are read
// by their words.
func Read(status, words string) Refusal {
	said := strings.ToLower(words)
	r := Refusal{Status: status}
	if m := inWords.FindStringSubmatch(said); m != nil && (vague(r.Status) || r.Status[:1] == "2") && m[1] != "2" {
		r.Status = m[1] + "." + m[2] + "." + m[3]
	}
	if m := codeWord.FindStringSubmatch(said); m != nil {
		r.Code = m[1]
	}
	class, detail, ok := strings.Cut(r.Status, ".")
	if !ok || class != "4" && class != "5" {
		class, detail, r.Status = "", "", ""
	}
	known := false
	if r.Reason, known = statuses[detail]; !known {
		r.Reason = fromWords(said, detail)
	}
	// A temporary code never gives an address up.
	if r.Reason.Class() == Hard && (class == "4" || vague(status) && strings.HasPrefix(r.Code, "4")) {
		r.Reason = Unreached
	}
	return r
}

// vague reports a status that leaves everything open.
func vague(status string) bool {
	_, detail, ok := strings.Cut(status, ".")
	return !ok || detail == "0.0"
}

// fromWords reads the words, within what the status leaves open: 7.x is never
// about the recipient, however it is worded.
func fromWords(said, detail string) Reason {
	security := strings.HasPrefix(detail, "7.")
	for _, p := range phrases {
		if p.say.MatchString(said) && (!security || p.reason.Class() == Block || p.reason.Class() == Policy || p.reason.Class() == Challenge) {
			return p.reason
		}
	}
	switch {
	case security:
		return Rule
	case strings.HasPrefix(detail, "6."):
		return Content
	}
	return Unreached
}
