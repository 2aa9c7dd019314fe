package mail

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel/channeltest"
)

// sink is a server that takes every mail and forgets it: as little work as SMTP
// allows, so that the sender is what is measured.
type sink struct {
	net.Listener
	mails atomic.Int64
	wg    sync.WaitGroup
}

func newSink(t testing.TB) *sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{Listener: l}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.wg.Wait()
	})
	return s
}

func (s *sink) serve(c net.Conn) {
	defer c.Close()
	in, out := bufio.NewReaderSize(c, 32<<10), bufio.NewWriter(c)
	say := "220 sink\r\n"
	for {
		_, _ = out.WriteString(say)
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		line, err := in.ReadSlice('\n')
		switch {
		case err != nil:
			return
		case bytes.HasPrefix(line, []byte("EHLO")):
			say = "250-sink\r\n250-PIPELINING\r\n250 SIZE 52428800\r\n"
		case bytes.HasPrefix(line, []byte("DATA")):
			_, _ = out.WriteString("354 go\r\n")
			if out.Flush() != nil || !skipLetter(in) {
				return
			}
			s.mails.Add(1)
			say = "250 2.0.0 queued\r\n"
		case bytes.HasPrefix(line, []byte("QUIT")):
			_, _ = out.WriteString("221 bye\r\n")
			_ = out.Flush()
			return
		default:
			say = "250 2.0.0 ok\r\n"
		}
	}
}

func skipLetter(in *bufio.Reader) bool {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			return false
		}
		if string(line) == ".\r\n" {
			return true
		}
	}
}

// benchParcel is a mail of about 2 KB.
func benchParcel() engawa.Parcel {
	p := channeltest.Parcel(taro)
	p.Content.Text = strings.Repeat("The beans that you like are roasted on Tuesday and sent on Wednesday.\n", 22)
	return p
}

// bare sends n mails of the same octets over each of conns connections, with
// nothing around it: what the machine can do.
func bare(b *testing.B, addr string, conns, n int, letter []byte) time.Duration {
	b.Helper()
	data := appendData(nil, letter)
	envelope := []byte("MAIL FROM:<shop@hinata.example> SIZE=" + strconv.Itoa(len(letter)) + "\r\nRCPT TO:<" + taro.Reveal() + ">\r\nDATA\r\n")
	var work sync.WaitGroup
	start := time.Now()
	for range conns {
		work.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			in := bufio.NewReader(c)
			read := func(lines int) {
				for range lines {
					if _, err := in.ReadSlice('\n'); err != nil {
						b.Error(err)
						return
					}
				}
			}
			read(1)
			_, _ = io.WriteString(c, "EHLO x\r\n")
			read(3)
			for range n {
				_, _ = c.Write(envelope)
				read(3)
				_, _ = c.Write(data)
				read(1)
			}
		})
	}
	work.Wait()
	return time.Since(start)
}

// BenchmarkSend hands mails over on 10 kept connections to a sink on loopback,
// beside a bare loop with the same octets.
func BenchmarkSend(b *testing.B) {
	for name, key := range map[string]string{"unsigned": "", "rsa2048": rsaKey(), "ed25519": pemKey(ed25519Key(b))} {
		b.Run(name, func(b *testing.B) {
			const conns = 10
			s := newSink(b)
			changes := []string{"host", s.Addr().String(), "connections", strconv.Itoa(conns)}
			if key != "" {
				changes = append(changes, "dkim_key", key, "dkim_selector", "s1")
			}
			a := opened(b, settings(changes...), nil)
			m := channeltest.Cleared(b, benchParcel())
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			var work sync.WaitGroup
			for range conns {
				work.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := a.Send(b.Context(), m); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			work.Wait()
			took := b.Elapsed()
			b.StopTimer()
			if got := s.mails.Load(); got != int64(b.N) {
				b.Fatalf("%d mails arrived, want %d", got, b.N)
			}
			l, err := a.compose(benchParcel())
			if err != nil {
				b.Fatal(err)
			}
			per := max(1, b.N/conns)
			floor := float64(per*conns) / bare(b, s.Addr().String(), conns, per, l.octets).Seconds()
			rate := float64(b.N) / took.Seconds()
			b.ReportMetric(rate, "mails/s")
			b.ReportMetric(rate/floor, "ratio")
			_ = a.Close()
		})
	}
}

func BenchmarkCompose(b *testing.B) {
	a := opened(b, settings(), nil)
	for name, p := range parcels {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.compose(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
