package api

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

const (
	maxOnceKey = 255
	onceWait   = 10 * time.Second // for the answer to the same request, under way elsewhere
	onceLook   = 20 * time.Millisecond
)

// once serves a request with an idempotency key: the first one takes effect,
// whoever asks the same again gets its answer, for store.KeptFor. What took no
// effect is not kept, so that it can be corrected and tried again.
func (a *API) once(c *call, keys []string, serve func(*call)) {
	o, err := onceOf(c, keys)
	var kept store.Kept
	if err == nil {
		kept, err = a.begin(store.Certain(c.r.Context(), &store.Fate{}), o)
	}
	if err != nil {
		a.problem(c.w, c.r, err)
		return
	}
	if !kept.Fresh {
		c.w.Header().Set("Idempotent-Replayed", "true")
		c.w.Header().Set("Content-Type", "application/json")
		c.w.WriteHeader(kept.Status)
		c.w.Write(kept.Body) // the client went away
		return
	}
	w := c.w
	rec := &recorder{header: http.Header{}, status: http.StatusOK}
	fate := &store.Fate{}
	c.w, c.r = rec, c.r.WithContext(store.Certain(context.WithoutCancel(c.r.Context()), fate)) // who hangs up leaves no half of it
	serve(c)
	a.settle(c.r, o, rec, fate)
	rec.send(w)
}

// onceOf reads the key, and all that makes this request the one it is.
func onceOf(c *call, keys []string) (store.Once, error) {
	key := keys[0]
	if len(keys) > 1 || key == "" || len(key) > maxOnceKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return store.Once{}, engawa.Invalid("Idempotency-Key", "send one key of 1 to 255 visible ASCII characters, such as a UUID",
			"there are %d idempotency keys, the first of %d bytes", len(keys), len(key))
	}
	var b strings.Builder
	if c.who.App != "" { // devices do not know of each other's keys
		key = c.r.Header.Get(sessionHeader) + " " + key
	}
	if c.who.Partner != "" { // nor do partners
		key = c.who.Partner + " " + key
	}
	b.WriteString(c.r.Method + " " + c.r.URL.RequestURI() + "\n" + c.r.Header.Get("Content-Type") + "\n")
	for _, name := range slices.Sorted(maps.Keys(c.r.Header)) {
		if strings.HasPrefix(name, "Ce-") { // attributes of a CloudEvent
			b.WriteString(name + ": " + strings.Join(c.r.Header[name], ", ") + "\n")
		}
	}
	b.Write(c.body)
	return store.Once{Workspace: c.workspace, Key: key, Request: b.String()}, nil
}

// begin takes the key, or waits for the answer of who took it.
func (a *API) begin(ctx context.Context, o store.Once) (store.Kept, error) {
	for began := time.Now(); ; {
		kept, err := a.Store.Begin(ctx, o)
		if err != nil || kept.Fresh || kept.Status > 0 {
			return kept, err
		}
		if time.Since(began) > onceWait {
			return kept, &engawa.Error{
				Code: engawa.CodeConflict, Message: "a request with this idempotency key was begun and has no answer yet",
				Remedy: "repeat it in a moment; if it stays so, look in the lists whether it took effect, and use a new key if it did not",
			}
		}
		select {
		case <-ctx.Done():
			return kept, fmt.Errorf("wait for the first request: %w", ctx.Err())
		case <-time.After(onceLook):
		}
	}
}

// settle keeps the answer of what took effect and gives back the key of what
// did not. When that fails the key stays taken: nothing is done twice. So does
// the key of a request that the database broke off, unless it is known that
// nothing was committed: of PostgreSQL by asking, of SQLite always.
func (a *API) settle(r *http.Request, o store.Once, rec *recorder, fate *store.Fate) {
	var err error
	switch {
	case rec.status < 300:
		err = a.Store.Keep(r.Context(), o, rec.status, rec.body.Bytes())
	case rec.status == http.StatusInternalServerError, rec.status == http.StatusServiceUnavailable && !a.Store.Lite() && !fate.Nothing(): // nobody knows
	default:
		err = a.Store.Forget(r.Context(), o)
	}
	if err != nil {
		a.Log.ErrorContext(r.Context(), "answer not kept", "path", r.Pattern, "err", err)
	}
}

// recorder holds an answer until it is kept.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header is http.ResponseWriter's.
func (w *recorder) Header() http.Header { return w.header }

// Write is http.ResponseWriter's.
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }

// WriteHeader is http.ResponseWriter's.
func (w *recorder) WriteHeader(status int) { w.status = status }

func (w *recorder) send(to http.ResponseWriter) {
	maps.Copy(to.Header(), w.header)
	to.WriteHeader(w.status)
	to.Write(w.body.Bytes()) // the client went away
}
