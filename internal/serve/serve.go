// Package serve wires a hub together, starts it, drains it and stops it. With
// main it is the only place where the parts meet.
package serve

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/api"
	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/broadcast"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/builtin"
	"github.com/engawa/engawa/internal/config"
	"github.com/engawa/engawa/internal/confirm"
	"github.com/engawa/engawa/internal/console"
	"github.com/engawa/engawa/internal/contracts"
	"github.com/engawa/engawa/internal/custody"
	"github.com/engawa/engawa/internal/desk"
	"github.com/engawa/engawa/internal/dispatch"
	"github.com/engawa/engawa/internal/egress"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/gap"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/mypage"
	"github.com/engawa/engawa/internal/partner"
	"github.com/engawa/engawa/internal/phone"
	"github.com/engawa/engawa/internal/receipt"
	"github.com/engawa/engawa/internal/refund"
	"github.com/engawa/engawa/internal/relay"
	"github.com/engawa/engawa/internal/replay"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/source/smaregi"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/vault"
)

// Hub is a hub that is wired and not yet running.
type Hub struct {
	Config      config.Config
	Store       *store.Store
	Vault       *vault.Vault
	Compose     *message.Composer
	API         *api.API
	Desk        *desk.Desk
	Dispatch    *dispatch.Dispatcher
	Words       *text.Words
	DNS         relay.DNS // what proves who wrote a mail; the system's unless set
	Gallery     bool      // also show every state of every page, at /_pages
	gaps        gap.Checker
	console     http.Handler
	pages       *mypage.Site
	stopping    chan struct{} // closed when no more requests are taken
	ring        *vault.Keyring
	metrics     *metrics
	refunds     *refund.Runner
	contracts   *contracts.Keeper
	working     atomic.Bool // the dispatcher runs
	certificate *tls.Config // of the relay; nil: none
	log         *slog.Logger
}

// Open wires a hub from its configuration. The first start makes database and
// key file; after that neither is accepted without the other.
func Open(ctx context.Context, c config.Config, log *slog.Logger) (*Hub, error) {
	ring, err := keyring(ctx, c, log)
	if err != nil {
		return nil, err
	}
	v := vault.New(ring)
	st, err := store.Open(ctx, c.Database.Reveal(), v)
	if err != nil {
		return nil, err
	}
	return wireOrClose(c, log, ring, v, st)
}

// Look wires a hub to look at what is there, beside one that runs: it makes
// nothing, changes nothing and must not be run.
func Look(ctx context.Context, c config.Config, log *slog.Logger) (*Hub, error) {
	ring, v, st, err := read(ctx, c, log)
	if err != nil {
		return nil, err
	}
	if err := st.UpToDate(ctx); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return wireOrClose(c, log, ring, v, st)
}

// Backup copies the database beside a hub that runs (store.Backup), also one
// that an older program made: that is what is copied before an upgrade.
func Backup(ctx context.Context, c config.Config, log *slog.Logger, path string) error {
	_, _, st, err := read(ctx, c, log)
	if err != nil {
		return err
	}
	return errors.Join(st.Backup(ctx, path), st.Close())
}

// read opens a database that is there to read.
func read(ctx context.Context, c config.Config, log *slog.Logger) (*vault.Keyring, *vault.Vault, *store.Store, error) {
	made, err := store.RingOf(ctx, c.Database.Reveal())
	if err == nil && made == "" {
		err = &engawa.Error{
			Code: engawa.CodeNotFound, Message: "there is no database yet",
			Remedy: "engawa serve or engawa workspace add makes it; or correct the key database",
		}
	}
	if err != nil {
		return nil, nil, nil, err
	}
	ring, err := keyring(ctx, c, log)
	if err != nil {
		return nil, nil, nil, err
	}
	v := vault.New(ring)
	st, err := store.OpenToRead(ctx, c.Database.Reveal(), v)
	return ring, v, st, err
}

func wireOrClose(c config.Config, log *slog.Logger, ring *vault.Keyring, v *vault.Vault, st *store.Store) (*Hub, error) {
	h, err := wire(c, log, ring, v, st)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return h, nil
}

func wire(c config.Config, log *slog.Logger, ring *vault.Keyring, v *vault.Vault, st *store.Store) (*Hub, error) {
	rules, err := rule.Load()
	if err != nil {
		return nil, err
	}
	words, err := text.Load()
	if err != nil {
		return nil, err
	}
	kinds := builtin.Kinds()
	for _, k := range kinds {
		if k.Tells {
			st.Tells = append(st.Tells, k.Name)
		}
	}
	st.Breaker = breaker.Rules(c.Receivers)
	st.PurgeAfter = time.Duration(c.Partners.PurgeDays) * 24 * time.Hour
	exit := egress.Exit{Allow: c.Egress.Allow}
	env := channel.Env{HTTP: exit.Client(), Dial: exit.Dial, Raise: st.Raise, Show: phone.Keep(st), Log: log}
	var certificate *tls.Config
	if c.Relay.Listen != "" {
		env = addresses(env, v)
		env.Relays = c.Relay.DomainList()
		if certificate, err = pair(c.Relay.TLSCert, c.Relay.TLSKey); err != nil {
			return nil, err
		}
	}
	h := &Hub{certificate: certificate, DNS: relay.Resolver(net.DefaultResolver), Config: c, Store: st, Vault: v, Words: words, ring: ring, log: log, stopping: make(chan struct{})}
	env.PublicURL = h.base()
	st.Front(h.base())
	st.Relays(env.Relays)
	h.Compose = &message.Composer{Store: st, Rules: rules, Words: words, Kinds: kinds}
	follower, clients := &follow.Follower{Store: st}, &follow.Clients{Store: st, HTTP: env.HTTP}
	h.gaps = gap.Checker{Store: st, Clients: clients, Follow: follower, Words: words}
	h.refunds = &refund.Runner{Store: st, Clients: clients}
	h.contracts = &contracts.Keeper{Store: st, HTTP: env.HTTP}
	h.Desk = &desk.Desk{Store: st, Clients: clients, Follow: follower}
	h.API = &api.API{
		Store: st, Refunds: h.refunds, Intake: &intake.Intake{Store: st, Kinds: kinds, Env: env, Follow: following(follower), Elsewhere: elsewhere(follower)}, Compose: h.Compose, Words: words, Desk: h.Desk, Kinds: kinds, Vault: v, Log: log, Follow: follower,
		Lists: &partner.Lists{Store: st, Rules: rules, Kinds: kinds},
	}
	h.API.Intake.Keep = map[string]func(context.Context, engawa.Account, []engawa.Event) error{smaregi.Kind.Name: h.contracts.Keep}
	h.Compose.Unsubscribe = func(m engawa.Message) string { return h.API.UnsubscribeURL(h.base(), m) }
	h.Dispatch = &dispatch.Dispatcher{
		Store: st, Compose: h.Compose, Rules: rules, Kinds: kinds, Env: env, Log: log, Owner: owner(c.Node), Lease: c.Lease,
	}
	h.metrics = newMetrics(h)
	h.Dispatch.Count = h.metrics.count
	door, err := newDoor(h, h.base(), exit.Client())
	if err != nil {
		return nil, err
	}
	h.API.From = door.network
	if h.pages, err = h.newPages(door, exit.Client()); err != nil {
		return nil, err
	}
	h.API.Pages, h.Compose.OwnPage = h.pages, h.pages.InMessage
	h.console = console.New(console.Deps{
		Store: st, Desk: h.Desk, Words: words, Compose: h.Compose, Kinds: kinds, Refunds: h.refunds, Env: env, Stores: clients, Log: log, Done: h.stopping, PublicURL: h.base(), Version: version(),
		Secure: door.cookies.Secure, Door: door.functions(c.OIDC), InboxAddress: h.InboxAddress,
		Certify: func(ctx context.Context, workspace, id string) (string, error) {
			return receipt.Certify(ctx, st, v, h.base(), workspace, id)
		},
	})
	return h, nil
}

// following says who looks at the events of which kind of account.
func following(f *follow.Follower) map[string]func(context.Context, engawa.Account, *engawa.Event) error {
	return map[string]func(context.Context, engawa.Account, *engawa.Event) error{follow.Kind: f.Event}
}

func elsewhere(f *follow.Follower) map[string]func(context.Context, engawa.Account, error) (string, error) {
	return map[string]func(context.Context, engawa.Account, error) (string, error){follow.Kind: f.Elsewhere}
}

// handler is all that the hub answers: the API's paths, and pages everywhere else.
func (h *Hub) handler() http.Handler {
	mux := http.NewServeMux()
	backend := h.API.Handler()
	for _, path := range []string{"/v1/", "/oauth/", "/in/", "/u/", "/healthz", "/openapi.yaml", "/docs"} {
		mux.Handle(path, backend)
	}
	if h.Gallery {
		gallery := console.Gallery(h.Words)
		mux.Handle("/_pages", gallery)
		mux.Handle("/_pages/", gallery)
	}
	pages := h.pages.Handler()
	for _, path := range []string{"/my/", "/mypage/", "/consent/", "/prove/", "/.well-known/jwks.json"} {
		mux.Handle(path, pages)
	}
	mux.HandleFunc("GET /readyz", h.ready)
	mux.Handle("/", h.console)
	return h.metrics.watch(mux)
}

// stepEvery is how long background work rests between two steps.
const stepEvery = time.Second

// step does what is due of a background work until ctx ends. Its row says when
// what failed is due again.
func (h *Hub) step(ctx context.Context, work string, due func(context.Context) error) {
	tick := time.NewTicker(stepEvery)
	defer tick.Stop()
	for {
		if err := due(ctx); err != nil && ctx.Err() == nil {
			h.log.ErrorContext(ctx, "background work rests and is tried again in a minute", "work", work, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// nameAll makes the customers findable by name who came before names were.
func (h *Hub) nameAll(ctx context.Context) error {
	for ctx.Err() == nil {
		if n, err := h.Store.NameSome(ctx); n == 0 || err != nil {
			return err
		}
	}
	return nil
}

// purgeAll destroys what only contracts needed whose day has come.
func (h *Hub) purgeAll(ctx context.Context) error {
	for ctx.Err() == nil {
		if some, err := h.Store.StepEndings(ctx); !some || err != nil {
			return err
		}
	}
	return nil
}

// version is the version of the main module that this program was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}

// owner names this process: a node that starts again is another holder.
func owner(node string) string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return node + "/" + hex.EncodeToString(b[:])
}

// gcPercent lets garbage grow to three times what is in use before it is
// collected, a third of the work for about 60 MB more at the peak of a load. A
// GOGC in the environment goes before it.
const gcPercent = 300

// sparing sets how often garbage is collected, and begins without what the start
// left behind.
func sparing() {
	if own := debug.SetGCPercent(gcPercent); own != 100 {
		debug.SetGCPercent(own)
	}
	debug.FreeOSMemory()
	giveBack()
}

// Run serves on l and works until ctx ends. Then it takes no more requests,
// lets what is under way finish, and returns.
func (h *Hub) Run(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: h.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: http.DefaultMaxHeaderBytes, ErrorLog: h.httpLog(),
	}
	server.RegisterOnShutdown(func() { close(h.stopping) })
	sparing()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var work sync.WaitGroup
	h.working.Store(true)
	work.Go(func() {
		defer h.working.Store(false)
		h.Dispatch.Run(ctx)
	})
	work.Go(func() { h.remind(ctx) })
	work.Go(func() { h.step(ctx, "replay", (&replay.Runner{Store: h.Store, Compose: h.Compose}).Step) })
	work.Go(func() { h.step(ctx, "broadcast", (&broadcast.Runner{Store: h.Store, Compose: h.Compose}).Step) })
	work.Go(func() { h.step(ctx, "import", (&intake.Imports{Store: h.Store, Kinds: h.API.Kinds}).Step) })
	work.Go(func() { h.step(ctx, "attendance", h.gaps.Attend) })
	work.Go(func() { h.step(ctx, "checks of the App Store", h.gaps.Step) })
	work.Go(func() { h.step(ctx, "refund", h.refunds.Step) })
	work.Go(func() { h.step(ctx, "notices of decisions", (&confirm.Runner{Compose: h.Compose}).Step) })
	work.Go(func() { h.step(ctx, "watch", (&follow.Watch{Store: h.Store}).Step) })
	work.Go(func() { h.step(ctx, "extension", h.Desk.Step) })
	work.Go(func() { h.step(ctx, "lists of contracts", h.contracts.Step) })
	work.Go(func() {
		h.step(ctx, "custody of accounts", (&custody.Checker{Store: h.Store, Kinds: h.API.Kinds, Env: h.API.Intake.Env}).Step)
	})
	work.Go(func() { h.step(ctx, "lists of partners", h.API.Lists.Step) })
	work.Go(func() { h.step(ctx, "names", h.nameAll) })
	work.Go(func() { h.step(ctx, "ends of contracts", h.purgeAll) })
	work.Go(func() { h.step(ctx, "complaints of partners' mail", (&partner.Watch{Store: h.Store}).Step) })
	ended := make(chan error, 2)
	work.Go(func() {
		if err := h.upkeep(ctx); err != nil {
			ended <- err
		}
	})
	go func() { ended <- server.Serve(l) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
		stop() // serving or upkeep failed: the rest ends too
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.Config.ShutdownGrace)
	defer cancel()
	err = errors.Join(err, server.Shutdown(grace))
	work.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// httpLog takes what net/http has to say: of a connection that ended badly, or of
// a fault in a page, whose caller gets no answer.
func (h *Hub) httpLog() *log.Logger {
	return slog.NewLogLogger(h.log.Handler(), slog.LevelWarn)
}

// Close closes the database.
func (h *Hub) Close() error { return h.Store.Close() }

// Logger returns the logger that the configuration asks for.
func Logger(c config.Log, w *os.File) *slog.Logger {
	var level slog.Level
	if level.UnmarshalText([]byte(c.Level)) != nil {
		level = slog.LevelInfo // config has checked it
	}
	opts := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
