package refusal

import (
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/breaker"
)

// TestRead: what a refusal means, by its codes where they say something, else
// by its words.
func TestRead(t *testing.T) {
	for _, c := range []struct {
		status, said string
		want         Reason
	}{
		{"5.1.1", "", NoMailbox},
		{"5.1.2", "", NoMailbox},
		{"5.1.3", "", NoMailbox},
		{"5.1.6", "", NoMailbox},
		{"5.1.10", "", NoMailbox},
		{"5.2.1", "", Disabled},
		{"5.2.2", "", Full},
		{"4.2.2", "", Full},
		{"5.7.1", "", Rule},
		{"5.7.26", "", Distrust},
		{"5.7.515", "", Distrust},
		{"5.7.999", "", Rule},
		{"5.3.4", "", TooLarge},
		{"5.2.3", "", TooLarge},
		{"5.6.1", "", Content},
		{"5.6.99", "", Content},
		{"5.4.6", "", Loop},
		{"4.4.7", "", Unreached},
		{"4.4.1", "", Unreached},
		{"5.4.4", "", Unreached},
		{"4.1.1", "user unknown", Unreached},
		{"5.7.1", "550 5.7.1 user unknown", Rule}, // a policy never costs the recipient the address
		{"5.7.1", "550 5.7.1 blocked using dnsbl.example", Distrust},
		{"5.7.0", "550 5.7.0 mailbox full", Rule},

		{"5.0.0", "550 5.1.1 <x@y.example>: no such user", NoMailbox},
		{"5.0.0", "550 <x@y.example> User unknown", NoMailbox},
		{"", "550 Unknown user", NoMailbox},
		{"", "550 Invalid recipient: <x@y.example>", NoMailbox},
		{"", "This user doesn't have an account here", NoMailbox},
		{"", "宛先不明のため配信できません", NoMailbox},
		{"", "ご指定のメールアドレスは存在しません", NoMailbox},
		{"", "존재하지 않는 사용자입니다", NoMailbox},
		{"", "Host or domain name not found", NoMailbox},
		{"", "450 user unknown, try again", Unreached}, // temporary by its reply code
		{"", "552 mailbox is full", Full},
		{"", "Over quota", Full},
		{"", "メールボックスの容量が超過しています", Full},
		{"", "메일함 용량이 초과되었습니다", Full},
		{"", "550 account disabled", Disabled},
		{"", "휴면 계정입니다", Disabled},
		{"5.0.0", "554 message rejected because of poor sender reputation", Distrust},
		{"", "DMARC policy violation", Distrust},
		{"", "550 192.0.2.1 blocked using spamhaus", Distrust},
		{"", "554 message rejected as spam", Distrust},
		{"", "迷惑メールと判定されました", Distrust},
		{"", "554 Too many hops", Loop},
		{"", "552 message size exceeds fixed maximum", TooLarge},
		{"", "message contains a virus", Content},
		{"", "受信拒否の設定により届きません", Rule},
		{"", "please confirm that you are a human", Asked},
		{"", "confirm you are human", Asked},
		{"", "connection timed out", Unreached},
		{"", "something else", Unreached},
		{"", "", Unreached},
		{"5.0.0", "", Unreached},
		{"5.5.0", "550 Requested action not taken", Unreached},

		{"2.0.0", "550 5.1.1 unknown", NoMailbox},
		{"2.0.0", "", Unreached},
		{"x", "", Unreached},
		{"5", "", Unreached},
		{"9.1.1", "", Unreached},
		{"5.1.1", "550 5.2.2 mailbox full", NoMailbox}, // the status counts where it says something
		{"", "order 5.1.1.2 of 192.0.2.5 in 550 pieces", Unreached},
	} {
		if got := Read(c.status, c.said).Reason; got != c.want {
			t.Errorf("%q %q is %s, want %s", c.status, c.said, got, c.want)
		}
	}
}

// TestLimits holds the rules of suppression: only codes of the recipient cost
// the address, at once or when they come again.
func TestLimits(t *testing.T) {
	type limit struct {
		class  Class
		after  int
		within time.Duration
	}
	for r, want := range map[Reason]limit{
		NoMailbox: {Hard, 1, 0}, Disabled: {Soft, 2, 7 * day}, Full: {Soft, 5, 14 * day}, Unreached: {Soft, 0, 0}, Elsewhere: {Soft, 0, 0},
		Distrust: {Block, 0, 0}, TooLarge: {Policy, 0, 0}, Content: {Policy, 0, 0}, Rule: {Policy, 0, 0}, Loop: {Policy, 0, 0}, Asked: {Challenge, 0, 0},
	} {
		after, within := r.Limit()
		if got := (limit{r.Class(), after, within}); got != want {
			t.Errorf("%s: %+v, want %+v", r, got, want)
		}
	}
}

// TestBlame: what speaks of us, what of one mail and what of neither, by codes and
// in words alone.
func TestBlame(t *testing.T) {
	for said, want := range map[string]breaker.Said{
		"5.7.1": breaker.Refused, "5.7.26": breaker.Refused, "5.7.515": breaker.Refused, "5.4.6": breaker.Refused, "5.1.7": breaker.Refused, "5.1.8": breaker.Refused,
		"5.3.4": breaker.Unfit, "5.6.0": breaker.Unfit, "5.6.1": breaker.Unfit, "5.6.99": breaker.Unfit, "5.2.3": breaker.Unfit,
		"5.1.1": "", "5.2.1": "", "5.2.2": "", "5.4.1": "", "4.7.1": "", "": "", "2.7.1": "", "5.3.0": "",
		" 550 192.0.2.1 blocked using spamhaus": breaker.Refused, " 554 message rejected as spam": breaker.Refused, " 554 too many hops": breaker.Refused,
		" 552 message too large": breaker.Unfit, " 554 contains a virus": breaker.Unfit,
		" 550 rejected by recipient": "", " 550 受信拒否の設定により届きません": "", " 550 user unknown": "", " 552 mailbox full": "", " 550 no": "",
		"5.7.1 rejected by recipient": breaker.Refused, "5.0.0 rejected by recipient": "", "5.1.1 blocked using spamhaus": "",
	} {
		status, words, _ := strings.Cut(said, " ")
		if got := Read(status, words).Blame(); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
	if got := (Refusal{Reason: Elsewhere, Status: "5.7.1"}).Blame(); got != "" {
		t.Errorf("of another address: %q", got)
	}
}
