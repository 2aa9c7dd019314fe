package fault

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/config"
	"github.com/engawa/engawa/internal/store/storetest"
)

// wire stands between a node and PostgreSQL and cuts some connections at the
// moment of COMMIT. It reads the frontend's messages as the manual has them
// (PostgreSQL, 55.7 Message Formats): a type, a length that counts itself, a body.
type wire struct {
	net.Listener
	server  string
	every   atomic.Int64           // cut each n-th COMMIT; 0: none
	once    atomic.Pointer[string] // cut after the first COMMIT of a transaction that runs a statement with this in it
	early   atomic.Bool            // cut that one before the server has the COMMIT
	commits atomic.Int64
	before  atomic.Int64 // cut so that the server never saw the COMMIT
	after   atomic.Int64 // cut so that the node never saw the answer
}

func newWire(t *testing.T, server string) *wire {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: l, server: server}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.join(c) // ends with the node
		}
	}()
	t.Cleanup(func() { l.Close() })
	return w
}

// join carries one connection until either side ends it.
func (w *wire) join(node net.Conn) {
	defer node.Close()
	server, err := net.Dial("tcp", w.server)
	if err != nil {
		return
	}
	defer server.Close()
	var deaf atomic.Bool // the node no longer hears the server
	go func() {
		defer node.Close()
		b := make([]byte, 64<<10)
		for {
			n, err := server.Read(b)
			if err != nil || deaf.Load() {
				return
			}
			if _, err := node.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	if err := w.startup(node, server); err != nil {
		return
	}
	statements, target := map[string]string{}, false
	for {
		m, err := message(node)
		if err != nil {
			return
		}
		parts := bytes.SplitN(m[5:], []byte{0}, 3)
		switch m[0] {
		case 'P': // name, statement
			statements[string(parts[0])] = string(parts[1])
		case 'B': // portal, name of the statement
			words := w.once.Load()
			target = target || words != nil && strings.Contains(statements[string(parts[1])], *words) && w.once.CompareAndSwap(words, nil)
		}
		if isCommit(m) {
			if target && w.early.Load() {
				w.before.Add(1)
				return
			}
			if target {
				w.cutAfter(server, m, &deaf)
				return
			}
			n := w.commits.Add(1)
			if every := w.every.Load(); every > 0 && n%every == 0 {
				if n/every%2 == 0 {
					w.before.Add(1)
					return
				}
				w.cutAfter(server, m, &deaf)
				return
			}
		}
		if _, err := server.Write(m); err != nil {
			return
		}
	}
}

// cutAfter lets the server have a COMMIT and the node no answer.
func (w *wire) cutAfter(server io.Writer, commit []byte, deaf *atomic.Bool) {
	deaf.Store(true)
	server.Write(commit)
	w.after.Add(1)
	time.Sleep(20 * time.Millisecond) // the server commits, whoever listens
}

// startup carries the first message, which has no type.
func (w *wire) startup(node io.Reader, server io.Writer) error {
	var length [4]byte
	if _, err := io.ReadFull(node, length[:]); err != nil {
		return err
	}
	if _, err := server.Write(length[:]); err != nil {
		return err
	}
	_, err := io.CopyN(server, node, int64(binary.BigEndian.Uint32(length[:]))-4)
	return err
}

func message(from io.Reader) ([]byte, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	m := make([]byte, 1+binary.BigEndian.Uint32(head[1:]))
	copy(m, head)
	_, err := io.ReadFull(from, m[5:])
	return m, err
}

// isCommit reports whether a message is a simple query that says COMMIT.
func isCommit(m []byte) bool {
	return m[0] == 'Q' && string(bytes.TrimRight(m[5:], "\x00")) == "COMMIT"
}

// throughWire starts a node that reaches PostgreSQL through a wire; straight
// lets the test itself reach it without.
func throughWire(t *testing.T) (n *node, w *wire, straight func()) {
	t.Helper()
	dsn, err := url.Parse(storetest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	w = newWire(t, dsn.Host)
	direct := config.DSN(dsn.String())
	dsn.Host = w.Addr().String()
	n = newNode(t, build(t), dsn.String(), webhooks(t))
	n.start()
	t.Cleanup(func() { n.cmd.Process.Kill() }) // of a test that failed half way
	if ok, status := n.post(http.DefaultClient, "e-9-1", 0); !ok {
		t.Fatalf("the first event was answered with %d", status)
	}
	return n, w, func() { n.config.Database = direct }
}

// TestCutAtCommit cuts the connection to PostgreSQL while COMMIT is under way:
// every seventh, in turn before the server has it and before the node has its
// answer. What is acknowledged is there, and a repeat has one effect.
func TestCutAtCommit(t *testing.T) {
	n, w, straight := throughWire(t)
	w.every.Store(7)
	var events []string
	for len(events) < 2000 && (w.before.Load() < 10 || w.after.Load() < 10) {
		id := fmt.Sprintf("e-0-%d", len(events))
		body := fmt.Sprintf(`{"id":%q,"type":%q,"subject":%q}`, id, eventType(0), id)
		if status, said := n.insist(t, "/v1/events", "", body); status != http.StatusAccepted {
			t.Fatalf("%s: %d %s", id, status, said)
		}
		events = append(events, id)
	}
	w.every.Store(0)
	t.Logf("of %d commits %d were cut before the server had them and %d after", w.commits.Load(), w.before.Load(), w.after.Load())
	if w.before.Load() < 10 || w.after.Load() < 10 {
		t.Error("that is too few to tell")
	}
	if code := n.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	straight()
	n.settled(events)
}

// TestCutAtCommitOnce cuts the connection before or after the server has a
// request's COMMIT, of its key or of its effect: the hub finds out on another
// connection what became of it, and the request under its Idempotency-Key takes
// effect once, however often it is repeated.
func TestCutAtCommitOnce(t *testing.T) {
	for _, words := range []string{"INSERT INTO idempotency", "INSERT INTO message"} {
		for _, early := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s early=%v", words, early), func(t *testing.T) {
				t.Parallel()
				n, w, straight := throughWire(t)
				if !eventually(time.Minute, func() bool { return n.far.count() == 1 }) {
					t.Fatal("nothing is handed over")
				}
				w.early.Store(early)
				w.once.Store(&words)
				body := `{"to":{"destination":"dst_0"},"purpose":"service","trigger":"automatic","content":{"subject":"s","text":"e-1-1"}}`
				status, said := n.insist(t, "/v1/messages", "order-1", body)
				if w.after.Load()+w.before.Load() != 1 {
					t.Fatal("nothing was cut")
				}
				if status != http.StatusAccepted {
					t.Errorf("in the end: %d %s", status, said)
				}
				if code := n.stop(syscall.SIGTERM); code != 0 {
					t.Errorf("exit code %d after SIGTERM", code)
				}
				straight()
				n.settled([]string{"e-9-1", "e-1-1"})
			})
		}
	}
}

// insist repeats a request while the hub says that it may be repeated, and
// returns the last answer.
func (n *node) insist(t *testing.T, path, key, body string) (status int, said string) {
	t.Helper()
	for range 50 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+n.key)
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatalf("the program does not answer: %v", err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if status, said = res.StatusCode, string(text); err == nil && status < 500 {
			break
		}
	}
	return status, said
}
