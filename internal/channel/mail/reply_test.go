package mail

import (
	"testing"
	"time"

	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/channel"
)

// TestClassify is the table of rules: who is to blame for a refusal.
func TestClassify(t *testing.T) {
	const (
		again, rejected, gone, closed = channel.Again, channel.Rejected, channel.AddressGone, channel.AccountClosed
	)
	for _, c := range []struct {
		at    phase
		line  string
		class channel.Class
		code  string
		after time.Duration
		blame breaker.Said
	}{
		{rcptTo, "550 5.1.1 no such user", gone, "550 5.1.1", 0, ""},
		{rcptTo, "550 5.1.2 no such host", gone, "550 5.1.2", 0, ""},
		{rcptTo, "553 5.1.3 bad syntax", gone, "553 5.1.3", 0, ""},
		{rcptTo, "551 5.1.6 moved", gone, "551 5.1.6", 0, ""},
		{rcptTo, "556 5.1.10 null MX", gone, "556 5.1.10", 0, ""},
		{bodySent, "550 5.1.1 no such user", gone, "550 5.1.1", 0, ""},
		{rcptTo, "550 no such user", gone, "550", 0, ""}, // by its words, as in a report that comes back
		{rcptTo, "550 refused", rejected, "550", 0, ""},
		{rcptTo, "550 5.1.0 address", rejected, "550 5.1.0", 0, ""},
		{rcptTo, "550 5.2.1 disabled", rejected, "550 5.2.1", 0, ""},
		{rcptTo, "552 5.2.2 full", rejected, "552 5.2.2", 0, ""},
		{rcptTo, "452 4.2.2 full", again, "452 4.2.2", 0, ""},
		{rcptTo, "550 5.7.1 policy", rejected, "550 5.7.1", 0, breaker.Refused},
		{bodySent, "550 5.7.26 unauthenticated", rejected, "550 5.7.26", 0, breaker.Refused},
		{bodySent, "550 5.7.515 access denied", rejected, "550 5.7.515", 0, breaker.Refused},
		{bodySent, "552 5.3.4 too big", rejected, "552 5.3.4", 0, breaker.Unfit},
		{bodySent, "554 5.6.0 content", rejected, "554 5.6.0", 0, breaker.Unfit},
		{rcptTo, "554 5.4.6 loop", rejected, "554 5.4.6", 0, breaker.Refused},
		{rcptTo, "550 192.0.2.1 blocked using spamhaus", rejected, "550", 0, breaker.Refused},
		{bodySent, "554 message rejected as spam", rejected, "554", 0, breaker.Refused},
		{bodySent, "554 message too large", rejected, "554", 0, breaker.Unfit},
		{bodySent, "554 5.0.0 no, DMARC", rejected, "554 5.0.0", 0, breaker.Refused},
		{rcptTo, "550 rejected by recipient", rejected, "550", 0, ""},
		{rcptTo, "450 4.7.1 blocked using spamhaus", again, "450 4.7.1", 0, ""},
		{rcptTo, "450 5.1.1 contradiction", again, "450", 0, ""},
		{rcptTo, "550 4.1.1 contradiction", rejected, "550", 0, ""},
		{rcptTo, "450 4.2.0 Greylisted", again, "450 4.2.0", 5 * time.Minute, ""},
		{rcptTo, "451 4.7.1 Greylisting in action, please come back in 00:05:00", again, "451 4.7.1", 5 * time.Minute, ""},
		{rcptTo, "451 4.7.1 try again in 120 seconds", again, "451 4.7.1", 2 * time.Minute, ""},
		{rcptTo, "451 try again in 300s.", again, "451", 5 * time.Minute, ""},
		{rcptTo, "450 4.7.1 wait 10 minutes", again, "450 4.7.1", 10 * time.Minute, ""},
		{rcptTo, "450 4.7.1 wait 48 hours", again, "450 4.7.1", time.Hour, ""},
		{rcptTo, "450 4.7.1 wait -5 seconds", again, "450 4.7.1", 0, ""},
		{rcptTo, "450 4.7.1 wait 99999999999999999999 seconds", again, "450 4.7.1", 0, ""},
		{rcptTo, "421 4.7.0 too many connections", again, "421 4.7.0", 0, ""},
		{data, "451 4.3.0 out of disk", again, "451 4.3.0", 0, ""},
		{mailFrom, "530 5.7.0 log in first", closed, "530 5.7.0", 0, ""},
		{rcptTo, "530 5.7.0 log in first", closed, "530 5.7.0", 0, ""},
		{auth, "535 5.7.8 wrong", closed, "535 5.7.8", 0, ""},
		{auth, "535 wrong", closed, "535", 0, ""},
		{auth, "534 5.7.9 too weak", closed, "534 5.7.9", 0, ""},
		{auth, "538 5.7.11 needs TLS", closed, "538 5.7.11", 0, ""},
		{auth, "454 4.7.0 try later", again, "454 4.7.0", 0, ""},
		{auth, "504 5.5.4 mechanism", closed, "504 5.5.4", 0, ""},
		{startTLS, "454 4.7.0 TLS not available", again, "454 4.7.0", 0, ""},
		{mailFrom, "550 5.7.1 sender not owned", closed, "550 5.7.1", 0, ""},
		{mailFrom, "553 not yours", closed, "553", 0, ""},
		{mailFrom, "550 5.1.8 sender domain", closed, "550 5.1.8", 0, ""},
		{mailFrom, "550 5.1.1 of the sender", rejected, "550 5.1.1", 0, breaker.Unclear},
		{mailFrom, "552 5.3.4 too big", rejected, "552 5.3.4", 0, breaker.Unfit},
		{mailFrom, "452 4.3.1 full", again, "452 4.3.1", 0, ""},
		{greeting, "554 no service", closed, "554", 0, ""},
		{data, "250 not 354", again, "250", 0, ""},
	} {
		r, more, err := parseLine([]byte(c.line))
		if err != nil || more {
			t.Fatalf("%q: %v, more %t", c.line, err, more)
		}
		e := classify(c.at, r)
		if e.Class != c.class || e.Code != c.code || e.After != c.after || e.Blame != c.blame {
			t.Errorf("at %s %q: %s %q after %s blames %q, want %s %q after %s and %q", c.at, c.line, e.Class, e.Code, e.After, e.Blame, c.class, c.code, c.after, c.blame)
		}
	}
}

func TestParseLine(t *testing.T) {
	for in, want := range map[string]bool{
		"250 ok": true, "250": true, "250-more": true, "250 ": true, "354 go": true,
		"": false, "25": false, "2500": false, "25x ok": false, "HTTP/1.1 400": false, "199 x": false, "600 x": false, "250\tok": false,
	} {
		if _, _, err := parseLine([]byte(in)); (err == nil) != want {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add([]byte("550 5.1.1 <taro@example.jp>: try again in 5 minutes"))
	f.Add([]byte("250-"))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, _, err := parseLine(line)
		if err != nil {
			return
		}
		for _, at := range []phase{greeting, mailFrom, rcptTo, bodySent} {
			e := classify(at, r)
			if e.After < 0 || e.After > maxWait || len(e.Code) > 20 || e.Class == channel.Ambiguous {
				t.Errorf("%q: %+v", line, e)
			}
		}
	})
}

func TestMasking(t *testing.T) {
	for in, want := range map[string]string{
		"550 <taro@example.jp>: no":                "550 <t…@e….jp>: no",
		"no address at all":                        "no address at all",
		`"taro..x"@docomo.ne.jp`:                   `"…@d….jp`,
		"a@b.jp, c@d.kr;e@f.com":                   "a…@b….jp, c…@d….kr;e…@f….com",
		"bounce+taro=example.jp@hinata.example ok": "b…@h….example ok",
		"@":  "…@…",
		"x@": "x…@…",
	} {
		if got := string(appendMasked(nil, []byte(in))); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	d := dialogue{heard: []byte("550 TARO is unknown; login shop-pass\r\n")}
	if got := d.exchange("taro@example.jp", "shop-pass").Response; got != "550 … is unknown; login …\r\n" {
		t.Errorf("exchange shows %q", got)
	}
	d = dialogue{said: make([]byte, 9000), heard: make([]byte, 9000)}
	if x := d.exchange(""); len(x.Request) > maxExchange || len(x.Response) > maxExchange {
		t.Errorf("an exchange of %d and %d octets", len(x.Request), len(x.Response))
	}
}
