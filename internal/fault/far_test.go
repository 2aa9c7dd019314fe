package fault

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	chatwork "github.com/engawa/engawa/internal/channel/chatwork/sim"
	mail "github.com/engawa/engawa/internal/channel/mail/sim"
)

// far is the provider at the other end of the node's account: a simulator in
// this process, which nobody kills. It keeps, for each event, the keys under
// which it came: the webhook-id of a webhook, the number of a mail, the id of a
// post. A second key is a second copy for whoever reads it.
type far struct {
	kind     string
	settings map[string]string
	places   []string                         // addresses; events take turns
	most     int                              // events of one round, where the provider counts; 0: any number
	asks     bool                             // what was interrupted ends unknown, and a person must look
	look     func(came func(ref, key string)) // reads what arrived; nil: it says so itself

	mu   sync.Mutex
	seen map[string]map[string]bool
	n    int // arrivals
}

var reference = regexp.MustCompile(`e-\d+-\d+`)

func (f *far) came(ref, key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil {
		f.seen = map[string]map[string]bool{}
	}
	if f.seen[ref] == nil {
		f.seen[ref] = map[string]bool{}
	}
	if !f.seen[ref][key] {
		f.n++
	}
	f.seen[ref][key] = true
}

// count is how many arrivals there were.
func (f *far) count() int {
	if f.look != nil {
		f.look(f.came)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// keys returns under how many keys an event came.
func (f *far) keys(ref string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.seen[ref])
}

// twice lists the events that came under more than one key.
func (f *far) twice() (refs []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ref, keys := range f.seen {
		if len(keys) > 1 {
			refs = append(refs, ref)
		}
	}
	return refs
}

// onTheWire is how long a hand-over takes here, so that some are under way at
// any time; no test waits for it.
const onTheWire = 20 * time.Millisecond

// webhooks is the business's system. It reads a key's second arrival as the same.
func webhooks(t *testing.T) *far {
	t.Helper()
	f := &far{kind: "webhook", places: []string{"q"}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		ref := reference.FindString(string(body))
		if err != nil || ref == "" {
			http.Error(w, "no reference", http.StatusBadRequest)
			return
		}
		f.came(ref, r.Header.Get("Webhook-Id"))
		time.Sleep(onTheWire)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	f.settings = map[string]string{"url": server.URL, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	return f
}

// mails is an SMTP server, which has no memory of what it took: the end of a
// connection in the middle leaves nobody who knows.
func mails(t *testing.T) *far {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	box := &mail.Inbox{Slow: onTheWire}
	ended := make(chan error, 1)
	go func() { ended <- box.Serve(l) }()
	t.Cleanup(func() {
		box.Close()
		<-ended
	})
	return &far{
		kind: "mail", places: []string{"staff@hinata.example"}, asks: true,
		settings: map[string]string{"host": l.Addr().String(), "tls": "none", "from_address": "shop@hinata.example", "per_second": "0"},
		look: func(came func(ref, key string)) {
			for _, m := range box.Mails() {
				came(reference.FindString(m.Text), strconv.Itoa(m.ID))
			}
		},
	}
}

// rooms is a Chatwork with its real limits, 10 posts in 10 seconds to a room
// and 300 calls in 5 minutes, hence many rooms and few events.
func rooms(t *testing.T) *far {
	t.Helper()
	sim := &chatwork.Server{}
	f := &far{kind: "chatwork", most: 12}
	for id := range int64(24) {
		sim.AddRoom(id+1, fmt.Sprintf("room %d", id+1), "group")
		f.places = append(f.places, strconv.FormatInt(id+1, 10))
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(onTheWire) // before it is done
		sim.ServeHTTP(w, r)
		time.Sleep(2 * onTheWire) // and before it is known
	}))
	t.Cleanup(server.Close)
	f.settings = map[string]string{"token": "token-of-the-test", "base_url": server.URL + "/v2"}
	f.look = func(came func(ref, key string)) {
		for id := range int64(len(f.places)) {
			for _, m := range sim.Messages(id + 1) {
				came(reference.FindString(m.Body), m.ID)
			}
		}
	}
	return f
}
