package mail

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/mail/sim"
)

const taro = engawa.Address("taro.yamada@example.jp")

var rsaKey = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return pemKey(key)
})

func pemKey(key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// settings are those of a server on this machine, with changes as key, value.
func settings(changes ...string) channel.Settings {
	s := channel.Settings{
		"host": "localhost:2525", "tls": "none", "from_address": "shop@hinata.example", "from_name": "ひなた珈琲",
		"per_second": "10", "connections": "4",
	}
	for i := 0; i < len(changes); i += 2 {
		s[changes[i]] = changes[i+1]
	}
	return s
}

type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

func opened(t testing.TB, s channel.Settings, dial dialer) *account {
	t.Helper()
	ch, err := open(s, channel.Env{Account: channeltest.Account, Dial: dial})
	if err != nil {
		t.Fatal(err)
	}
	a := ch.(*account)
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func send(t testing.TB, a *account, p engawa.Parcel) (channel.Receipt, *channel.SendError) {
	t.Helper()
	r, err := a.Send(t.Context(), channeltest.Cleared(t, p))
	if err == nil {
		return r, nil
	}
	var se *channel.SendError
	if !errors.As(err, &se) {
		t.Fatalf("Send returned a %T", err)
	}
	return r, se
}

// TestChannel asks the questions that every channel is asked, over STARTTLS
// with a login and a signature.
func TestChannel(t *testing.T) {
	moods := map[channeltest.Mood]sim.Act{
		channeltest.Limited:    {At: sim.AtRcpt, Reply: "450 4.2.1 too fast"},
		channeltest.LimitedFor: {At: sim.AtRcpt, Reply: "451 4.7.1 greylisted, try again in 30 seconds"},
		channeltest.Down:       {At: sim.AtMail, Reply: "421 4.3.2 shutting down"},
		channeltest.Refuses:    {At: sim.AtEnd, Reply: "554 5.6.0 <" + taro.Reveal() + "> does not want this"},
		channeltest.Locked:     {At: sim.AtLogin, Reply: "535 5.7.8 shop-login may not log in"},
		channeltest.NoSuch:     {At: sim.AtRcpt, Reply: "550 5.1.1 <" + taro.Reveal() + ">: taro.yamada is not known here"},
		channeltest.Silent:     {At: sim.AtEnd, Silent: true},
		channeltest.Lost:       {At: sim.AtEnd, Cut: true},
		channeltest.Flood:      {At: sim.AtEnd, Flood: true},
	}
	box := &sim.Inbox{TLS: "starttls"} // of its certificate only
	channeltest.Run(t, channeltest.Case{
		Kind: Kind,
		To:   taro,
		Settings: settings("tls", "starttls", "tls_ca", box.CA(), "username", "shop-login", "password", "canary-pass-word",
			"dkim_key", rsaKey(), "dkim_selector", "s2027"),
		World: func(t *testing.T, m channeltest.Mood) channeltest.World {
			b := &sim.Inbox{TLS: "starttls", Certificate: box.Certificate, Username: "shop-login", Password: "canary-pass-word"}
			if act, ok := moods[m]; ok {
				b.Script = []sim.Act{act}
			}
			dial := b.Dial
			if m == channeltest.Unreachable {
				dial = func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
			}
			return channeltest.World{Dial: dial, Took: func() []channeltest.Taken { return taken(b) }, Close: func() { _ = b.Close() }}
		},
	})
}

func taken(b *sim.Inbox) []channeltest.Taken {
	var out []channeltest.Taken
	for _, m := range b.Mails() {
		out = append(out, channeltest.Taken{Key: m.MessageID, Body: m.Raw})
	}
	return out
}

func TestSettings(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		changes []string
		field   string // empty: accepted
	}{
		"as it is":                      {nil, ""},
		"host without a port":           {[]string{"host", "localhost"}, ""},
		"IPv6 loopback":                 {[]string{"host", "[::1]:25"}, ""},
		"in the clear to elsewhere":     {[]string{"host", "smtp.example.jp:25"}, "/settings/tls"},
		"in the clear to a look-alike":  {[]string{"host", "localhost.example.jp"}, "/settings/tls"},
		"no host":                       {[]string{"host", ""}, "/settings/host"},
		"bad port":                      {[]string{"host", "localhost:99999"}, "/settings/host"},
		"unknown tls":                   {[]string{"tls", "ssl3"}, "/settings/tls"},
		"broken CA":                     {[]string{"tls_ca", "x"}, "/settings/tls_ca"},
		"login without password":        {[]string{"username", "u"}, "/settings/password"},
		"no sender":                     {[]string{"from_address", ""}, "/settings/from_address"},
		"sender that cannot be written": {[]string{"from_address", "a b@example.jp"}, "/settings/from_address"},
		"name in two lines":             {[]string{"from_name", "a\r\nBcc: x@example.jp"}, "/settings/from_name"},
		"weak key":                      {[]string{"dkim_key", pemKey(weak), "dkim_selector", "s"}, "/settings/dkim_key"},
		"no key":                        {[]string{"dkim_key", "x", "dkim_selector", "s"}, "/settings/dkim_key"},
		"key without selector":          {[]string{"dkim_key", rsaKey()}, "/settings/dkim_selector"},
		"key of another domain":         {[]string{"dkim_key", rsaKey(), "dkim_selector", "s", "dkim_domain", "other.example"}, "/settings/dkim_domain"},
		"key of the domain below":       {[]string{"dkim_key", rsaKey(), "dkim_selector", "s", "dkim_domain", "mail.hinata.example"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(settings(c.changes...), channel.Env{})
			var e *engawa.Error
			switch {
			case c.field == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.field != "" && (!errors.As(err, &e) || e.Field != c.field || e.Remedy == ""):
				t.Errorf("got %v, want an error at %s that says what to do", err, c.field)
			}
		})
	}
}

// TestAddress covers B03, B04 and B07.
func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"taro@example.jp":                       "taro@example.jp",
		" taro@Example.JP ":                     "taro@example.jp",
		"Taro@example.jp":                       "Taro@example.jp", // local parts keep their case
		`"taro"@example.jp`:                     "taro@example.jp",
		`"taro..x"@docomo.ne.jp`:                `"taro..x"@docomo.ne.jp`,
		"a+b=c@xn--wgv71a119e.jp":               "a+b=c@xn--wgv71a119e.jp",
		"a@日本語.jp":                              "a@xn--wgv71a119e.jp",
		"a@日本語。JP":                              "a@xn--wgv71a119e.jp",
		"taro..x@docomo.ne.jp":                  "",
		".taro@example.jp":                      "",
		"taro@example.jp\r\nRCPT TO:<x@y.jp>":   "",
		"\"a\r\nRCPT TO:<x>\"@example.jp":       "",
		"a\x00b@example.jp":                     "",
		"a\x0bb@example.jp":                     "",
		"a\x7fb@example.jp":                     "",
		"a\u2028b@example.jp":                   "",
		"a\u0085b@example.jp":                   "",
		"a@example.jp\u2028":                    "",
		"a@exa\u00admple\x00.jp":                "",
		`"a b"@example.jp`:                      "",
		`"a\"b"@example.jp`:                     "",
		"田中@example.jp":                         "",
		"a@b@example.jp":                        "",
		"<a@example.jp>":                        "",
		"A <a@example.jp>":                      "",
		"a@[127.0.0.1]":                         "",
		"a@127.0.0.1":                           "",
		"a@localhost":                           "",
		"a@example.jp.":                         "",
		"a@-x.jp":                               "",
		"a@x_y.jp":                              "",
		"a@xn--a.jp":                            "",
		"@example.jp":                           "",
		"a@":                                    "",
		"":                                      "",
		strings.Repeat("a", 65) + "@example.jp": "",
		"a@" + strings.Repeat("b.", 126) + "jp": "",
		strings.Repeat("a", 64) + "@" + strings.Repeat(strings.Repeat("b", 60)+".", 4) + "jp": "",
	} {
		got, err := Address(in)
		if got.Reveal() != want || (err == nil) != (want != "") {
			t.Errorf("Address(%q) = %q, %v; want %q", in, got.Reveal(), err, want)
		}
		if err != nil && len(in) > 3 && strings.Contains(err.Error(), in) {
			t.Errorf("the error of %q repeats it", in)
		}
		if again, err := Address(got.Reveal()); want != "" && (err != nil || again != got) {
			t.Errorf("Address(%q) is not stable: %q, %v", in, again.Reveal(), err)
		}
	}
}

// TestKept sends several mails in a row on one connection, leaves it idle, and
// finds it closed after its time.
func TestKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := &sim.Inbox{}
		dials := 0
		a := opened(t, settings(), func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials++
			return box.Dial(ctx, network, addr)
		})
		for range 3 {
			if _, e := send(t, a, channeltest.Parcel(taro)); e != nil {
				t.Fatal(e)
			}
		}
		time.Sleep(idleLife - time.Second)
		r, e := send(t, a, channeltest.Parcel(taro))
		if e != nil || dials != 1 {
			t.Fatalf("%v after %d dials, want 1", e, dials)
		}
		if !strings.Contains(r.Exchange.Request, "(kept connection, mail 4)") {
			t.Errorf("exchange: %s", r.Exchange.Request)
		}
		time.Sleep(idleLife + time.Second)
		synctest.Wait()
		if n := len(a.pool.idle); n != 0 {
			t.Errorf("%d idle connections after their time", n)
		}
		if _, e := send(t, a, channeltest.Parcel(taro)); e != nil || dials != 2 {
			t.Errorf("%v after %d dials, want 2", e, dials)
		}
		if n := len(box.Mails()); n != 5 {
			t.Errorf("%d mails arrived, want 5", n)
		}
		_, _ = a.Close(), box.Close()
	})
}

// TestBounded: no more connections than the setting allows, whoever asks.
func TestBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := &sim.Inbox{Slow: time.Second}
		var mu sync.Mutex
		dials := 0
		a := opened(t, settings("connections", "3"), func(ctx context.Context, network, addr string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			dials++
			return box.Dial(ctx, network, addr)
		})
		start := time.Now()
		var work sync.WaitGroup
		for range 12 {
			work.Go(func() {
				if _, e := send(t, a, channeltest.Parcel(taro)); e != nil {
					t.Error(e)
				}
			})
		}
		work.Wait()
		if took := time.Since(start); dials != 3 || took != 4*time.Second {
			t.Errorf("%d connections, %s; want 3 and 4s", dials, took)
		}
		_, _ = a.Close(), box.Close()
	})
}

// TestStale: a server that closed an idle connection costs nothing.
func TestStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept net.Conn
		box := &sim.Inbox{}
		a := opened(t, settings(), func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := box.Dial(ctx, network, addr)
			kept = c
			return c, err
		})
		for range 2 {
			if _, e := send(t, a, channeltest.Parcel(taro)); e != nil {
				t.Fatal(e)
			}
			_ = kept.Close() // under the pool's feet
		}
		if n := len(box.Mails()); n != 2 {
			t.Errorf("%d mails arrived, want 2", n)
		}
		_, _ = a.Close(), box.Close()
	})
}

// TestServers goes through the ways in which real servers are set up.
func TestServers(t *testing.T) {
	for name, c := range map[string]struct {
		box     *sim.Inbox
		changes []string
		code    string // of the SendError; empty: accepted
	}{
		"plain":               {&sim.Inbox{}, nil, ""},
		"no pipelining":       {&sim.Inbox{NoPipelining: true}, nil, ""},
		"login":               {&sim.Inbox{Username: "u-name", Password: "p-word"}, []string{"username", "u-name", "password", "p-word"}, ""},
		"wrong password":      {&sim.Inbox{Username: "u-name", Password: "p-word"}, []string{"username", "u-name", "password", "wrong"}, "535 5.7.8"},
		"login missing":       {&sim.Inbox{Username: "u-name", Password: "p-word"}, nil, "530 5.7.0"},
		"login not offered":   {&sim.Inbox{}, []string{"username", "u-name", "password", "p-word"}, "auth_missing"},
		"STARTTLS":            {&sim.Inbox{TLS: "starttls"}, []string{"tls", "starttls"}, ""},
		"TLS":                 {&sim.Inbox{TLS: "tls"}, []string{"tls", "tls"}, ""},
		"STARTTLS missing":    {&sim.Inbox{}, []string{"tls", "starttls"}, "starttls_missing"},
		"unknown certificate": {&sim.Inbox{TLS: "tls"}, []string{"tls", "tls", "tls_ca", ""}, "tls_certificate"},
		"name does not match": {&sim.Inbox{TLS: "tls"}, []string{"tls", "tls", "host", "smtp.example.jp:465"}, "tls_certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := settings("tls_ca", c.box.CA())
				for i := 0; i < len(c.changes); i += 2 {
					s[c.changes[i]] = c.changes[i+1]
				}
				a := opened(t, s, c.box.Dial)
				for range 2 {
					_, e := send(t, a, channeltest.Parcel(taro))
					switch {
					case c.code == "" && e != nil:
						t.Errorf("not sent: %v", e)
					case c.code != "" && (e == nil || e.Code != c.code || e.Class != channel.AccountClosed):
						t.Errorf("got %v, want account_closed %s", e, c.code)
					}
				}
				err := a.Probe(t.Context())
				var told *engawa.Error
				switch {
				case c.code == "" && err != nil:
					t.Errorf("Probe: %v", err)
				case c.code != "" && c.code != "530 5.7.0" && (!errors.As(err, &told) || told.Remedy == ""):
					t.Errorf("Probe: %v, want words for the operator", err)
				}
				doubt, wrong := Kind.Try(t.Context(), s, channel.Env{Account: channeltest.Account, Dial: c.box.Dial})
				if want := map[bool]channel.Doubt{true: channel.NoDoubt, false: channel.Refused}[err == nil]; wrong != nil || doubt != want {
					t.Errorf("saving: %q, %v", doubt, wrong)
				}
				_, _ = a.Close(), c.box.Close()
			})
		})
	}
}

// scripted is a server that follows a script of its own: it answers each line
// it reads with the next entry and closes at its end. "=" reads a line without
// answering; "." reads to the end of data.
func scripted(script ...string) dialer {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			in := bufio.NewReaderSize(server, 512) // holds a flight, not a letter: a cut leaves something unread
			for i, say := range script {
				if i > 0 {
					if _, err := in.ReadString('\n'); err != nil {
						return
					}
				}
				if rest, ok := strings.CutPrefix(say, "."); ok {
					for {
						line, err := in.ReadString('\n')
						if err != nil {
							return
						}
						if line == ".\r\n" {
							break
						}
					}
					say = rest
				}
				if say == "=" || say == "" {
					continue
				}
				if _, err := io.WriteString(server, say+"\r\n"); err != nil {
					return
				}
			}
		}()
		return client, nil
	}
}

// TestPhases cuts the connection at each point: before the end of data nothing
// was handed over, after it nobody knows.
func TestPhases(t *testing.T) {
	const hi, ehlo, ehloPipe, ok, go_ = "220 hi", "250 hello", "250-hello\r\n250 PIPELINING", "250 2.0.0 ok", "354 go"
	for name, c := range map[string]struct {
		script []string
		class  channel.Class
		code   string
	}{
		"before the greeting":         {nil, channel.Again, "connection_lost"},
		"greeting of another trade":   {[]string{"SSH-2.0-OpenSSH_9.2"}, channel.Again, "protocol"},
		"greeting refuses":            {[]string{"554 5.7.1 go away"}, channel.AccountClosed, "554 5.7.1"},
		"greeting is busy":            {[]string{"421 4.3.2 busy"}, channel.Again, "421 4.3.2"},
		"at EHLO":                     {[]string{hi, "="}, channel.Again, "connection_lost"},
		"at MAIL":                     {[]string{hi, ehlo, "="}, channel.Again, "connection_lost"},
		"at RCPT":                     {[]string{hi, ehlo, ok, "="}, channel.Again, "connection_lost"},
		"at DATA":                     {[]string{hi, ehlo, ok, ok, "="}, channel.Again, "connection_lost"},
		"after 354":                   {[]string{hi, ehlo, ok, ok, go_}, channel.Again, "connection_lost"},
		"in the letter":               {[]string{hi, ehlo, ok, ok, go_, "="}, channel.Again, "connection_lost"},
		"after the dot":               {[]string{hi, ehlo, ok, ok, go_, "."}, channel.Ambiguous, "connection_lost"},
		"nonsense after the dot":      {[]string{hi, ehlo, ok, ok, go_, ".what?"}, channel.Ambiguous, "protocol"},
		"354 after the dot":           {[]string{hi, ehlo, ok, ok, go_, ".354 more"}, channel.Ambiguous, "354"},
		"accepted":                    {[]string{hi, ehlo, ok, ok, go_, "." + ok}, "", ""},
		"put off after the dot":       {[]string{hi, ehlo, ok, ok, go_, ".451 4.3.0 disk"}, channel.Again, "451 4.3.0"},
		"refused after the dot":       {[]string{hi, ehlo, ok, ok, go_, ".554 5.7.1 spam"}, channel.Rejected, "554 5.7.1"},
		"pipelined, cut":              {[]string{hi, ehloPipe, ok, ok, "="}, channel.Again, "connection_lost"},
		"pipelined, accepted":         {[]string{hi, ehloPipe, ok, ok, go_, "." + ok}, "", ""},
		"pipelined, after the dot":    {[]string{hi, ehloPipe, ok, ok, go_, "."}, channel.Ambiguous, "connection_lost"},
		"pipelined, RCPT refused":     {[]string{hi, ehloPipe, ok, "550 5.1.1 no", "503 5.5.1 no recipients"}, channel.AddressGone, "550 5.1.1"},
		"pipelined, 354 all the same": {[]string{hi, ehloPipe, ok, "550 5.1.1 no", go_, "." + ok}, channel.AddressGone, "550 5.1.1"},
		"pipelined, MAIL refused":     {[]string{hi, ehloPipe, "452 4.3.1 full", "503 5.5.1 MAIL first", "503 5.5.1 RCPT first"}, channel.Again, "452 4.3.1"},
		"reasons on a further line":   {[]string{hi, ehlo, ok, "550-We are sorry.\r\n550 no such user"}, channel.AddressGone, "550"},
		"421 in the middle":           {[]string{hi, ehloPipe, ok, "421 4.7.0 too many"}, channel.Again, "421 4.7.0"},
		"codes that differ":           {[]string{hi, ehlo, "250-ok\r\n550 no"}, channel.Again, "protocol"},
		"a line without end":          {[]string{hi, ehlo, "250 " + strings.Repeat("x", 5000)}, channel.Again, "protocol"},
		"too big":                     {[]string{hi, "250-hello\r\n250 SIZE 100"}, channel.Rejected, "552 5.3.4"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := opened(t, settings(), scripted(c.script...))
				_, e := send(t, a, channeltest.Parcel(taro))
				switch {
				case c.class == "" && e != nil:
					t.Errorf("got %v, want acceptance", e)
				case c.class != "" && (e == nil || e.Class != c.class || e.Code != c.code):
					t.Errorf("got %v, want %s %s", e, c.class, c.code)
				}
				_ = a.Close()
			})
		})
	}
}

// TestNoEmptyMail: a server that answers 354 although it refused the recipient
// gets nothing that it could deliver.
func TestNoEmptyMail(t *testing.T) {
	client, server := net.Pipe()
	a := opened(t, settings(), func(context.Context, string, string) (net.Conn, error) { return client, nil })
	rest := make(chan string)
	go func() {
		_, _ = io.WriteString(server, "220 hi\r\n")
		in := bufio.NewReader(server)
		for _, say := range []string{"250-hello\r\n250 PIPELINING\r\n", "250 ok\r\n", "550 5.1.1 no\r\n", "354 go\r\n"} {
			_, _ = in.ReadString('\n')
			_, _ = io.WriteString(server, say)
		}
		b, _ := io.ReadAll(in)
		rest <- string(b)
	}()
	if _, e := send(t, a, channeltest.Parcel(taro)); e == nil || e.Class != channel.AddressGone {
		t.Errorf("got %v", e)
	}
	if got := <-rest; got != "" {
		t.Errorf("after the refusal the server was still told %q", got)
	}
}

// TestInjection: what was slipped in before the TLS handshake is not read (RFC 3207 6).
func TestInjection(t *testing.T) {
	a := opened(t, settings("tls", "starttls"), scripted("220 hi", "250-hello\r\n250 STARTTLS", "220 go ahead\r\n250 AUTH PLAIN"))
	if _, e := send(t, a, channeltest.Parcel(taro)); e == nil || e.Code != "starttls_injection" || e.Class != channel.Again {
		t.Errorf("got %v", e)
	}
}

// TestRetired: after maxMails letters a connection is replaced.
func TestRetired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, dials := &sim.Inbox{}, 0
		a := opened(t, settings(), func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials++
			return box.Dial(ctx, network, addr)
		})
		for range maxMails + 1 {
			if _, e := send(t, a, channeltest.Parcel(taro)); e != nil {
				t.Fatal(e)
			}
		}
		if dials != 2 {
			t.Errorf("%d connections for %d mails", dials, maxMails+1)
		}
		_, _ = a.Close(), box.Close()
	})
}

// TestRude sends through a server with bad manners until everything is through
// or known to be unknown: nothing is sent twice that was not unknown.
func TestRude(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := &sim.Inbox{Rude: 0.3}
		a := opened(t, settings(), box.Dial)
		unknown := 0
		const n = 200
		for i := range n {
			p := channeltest.Parcel(taro)
			p.Delivery = engawa.NewID(engawa.PrefixDelivery)
			for attempt := 1; ; attempt++ {
				p.Attempt = attempt
				_, e := send(t, a, p)
				if e == nil {
					break
				}
				if e.Class == channel.Ambiguous {
					unknown++
					break
				}
				if e.Class != channel.Again || attempt > 50 {
					t.Fatalf("mail %d, attempt %d: %v", i, attempt, e)
				}
				p.Carry = e.Carry
				time.Sleep(max(e.After, time.Second))
			}
		}
		seen := map[string]bool{}
		for _, m := range box.Mails() {
			if seen[m.MessageID] {
				t.Error("a mail arrived twice")
			}
			seen[m.MessageID] = true
		}
		if len(seen) != n || unknown == 0 {
			t.Errorf("%d of %d mails arrived, %d unknown", len(seen), n, unknown)
		}
		_, _ = a.Close(), box.Close()
	})
}

func TestGreylist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := &sim.Inbox{Grey: 4 * time.Minute}
		a := opened(t, settings(), box.Dial)
		p := channeltest.Parcel(taro)
		_, e := send(t, a, p)
		if e == nil || e.Class != channel.Again || e.After < 4*time.Minute || e.After > 5*time.Minute {
			t.Fatalf("got %v, after %s", e, e.After)
		}
		time.Sleep(e.After)
		if _, e := send(t, a, p); e != nil {
			t.Error(e)
		}
		_, _ = a.Close(), box.Close()
	})
}
