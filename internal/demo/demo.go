// Package demo runs the hub among simulators with a sample business, in one
// process, without network or accounts. It plays the main job through the
// hub's own HTTP API and prints each step as the API tells it.
package demo

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/api"
	appstoresim "github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel"
	chatworksim "github.com/engawa/engawa/internal/channel/chatwork/sim"
	linesim "github.com/engawa/engawa/internal/channel/line/sim"
	mailsim "github.com/engawa/engawa/internal/channel/mail/sim"
	webhooksim "github.com/engawa/engawa/internal/channel/webhook/sim"
	zendesksim "github.com/engawa/engawa/internal/channel/zendesk/sim"
	"github.com/engawa/engawa/internal/config"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/text"
)

// Options say how the demo runs.
type Options struct {
	Addr    string        // where the hub listens
	Data    string        // folder that is kept; empty: a temporary one
	Quick   bool          // end after the main job
	Locale  engawa.Locale // of what is printed
	Out     io.Writer
	LogFile *os.File
}

// world is the simulators around the hub.
type world struct {
	store    *appstoresim.Store
	storeURL string
	shoppers map[string]string // of the store, by the hub's id
	lively   []string          // of the store, whose months pass in minutes
	speed    int               // at which they do
	beat     time.Duration     // how often something happens
	room     *chatworksim.Server
	inbox    *mailsim.Inbox
	push     *webhooksim.Server // the shop's own push service
	desk     *zendesksim.Server
	line     *linesim.Server
	lineURL  string
	onLine   linesim.Account // the shop's own
	chatURL  string
	mailAddr string
	relay    net.Listener // of the hub, for mail that comes back
	inboxURL string
	mailKey  string // that signs the shop's mail, in PEM
	zone     zone   // what the domain name system knows of the shop's mail and the customers'
	pushURL  string
	pushKey  string // with which webhooks to it are signed
	deskURL  string
	trialURL string // of the sandbox
	deskKey  string // with which webhooks of it are signed
	deskPass string // of its OAuth client
	hubURL   string
	key      engawa.Secret
	password string // of the owner, shown at the end
	out      io.Writer
	words    *text.Words
	locale   engawa.Locale
	asked    time.Time // when the API answered last, by its own clock
	begun    time.Time
	again    bool     // the folder holds a demo already
	events   []string // of the main job
	servers  sync.WaitGroup
	rude     atomic.Pointer[func(*http.Request) (int, bool)] // nil: polite
	closers  []io.Closer
}

const (
	bundleID    = "jp.hinata.coffee"
	appAppleID  = 1234567890
	roomID      = 7001
	groupID     = 360000000000007 // of the desk
	mailDomain  = "hinata.example"
	homeDomain  = "customer.example" // where customers have their mailboxes
	selector    = "s2026"
	relayDomain = "relay.hinata.example"
)

// Run plays the main job and, unless it is to be quick, stays until ctx ends.
func Run(ctx context.Context, o Options) error {
	dir := o.Data
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "engawa-demo-"); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	w := &world{out: o.Out, locale: o.Locale, begun: time.Now(), speed: lifeSpeed, beat: beat}
	if err := w.simulators(ctx); err != nil {
		return errors.Join(fmt.Errorf("demo: %w", err), w.close())
	}
	defer w.relay.Close() //nolint:errcheck // the hub closed it, unless it never ran
	err := w.hub(ctx, o, dir, func(ctx context.Context, h *serve.Hub) error { return w.perform(ctx, h, o.Quick) })
	return errors.Join(err, w.close())
}

// simulators starts the providers, each on a loopback port of its own.
func (w *world) simulators(ctx context.Context) error {
	var err error
	if w.store, err = appstoresim.New(bundleID, appAppleID, appstoresim.Production); err != nil {
		return err
	}
	w.closers = append(w.closers, w.store)
	if w.storeURL, err = w.http(ctx, w.store); err != nil {
		return err
	}
	w.room = &chatworksim.Server{Token: "demo-token"}
	for id, name := range []string{"契約の部屋", "全体の部屋", "申込の部屋", "お金の部屋"} {
		w.room.AddRoom(roomID+int64(id), name, "group")
	}
	w.room.Answer = w.mood
	w.deskKey = rand.Text()
	w.deskPass = rand.Text()
	w.desk = &zendesksim.Server{Client: zendesksim.Client{ID: deskClient, Secret: w.deskPass}, Answer: w.mood, Fields: []zendesksim.Field{
		{ID: 360000000000101, Title: "商品", Type: "text"}, {ID: 360000000000102, Title: "金額", Type: "integer"},
	}}
	w.desk.AddGroup(groupID, "申込の窓口")
	w.desk.AddBrand(360000000000201, "ひなた珈琲", true)
	w.desk.AddForm(360000000000301, "お申し込み", true)
	if w.relay, err = listen(ctx, "127.0.0.1:0"); err != nil {
		return err
	}
	w.inbox = &mailsim.Inbox{Slow: 30 * time.Millisecond, Answer: breaks, Relay: w.relay.Addr().String()}
	if err := w.seals(); err != nil {
		return err
	}
	w.pushKey = "whsec_" + base64.StdEncoding.EncodeToString([]byte(rand.Text()))
	w.push = webhooksim.New(webhooksim.Options{Secrets: []string{w.pushKey}, Polite: true})
	if w.pushURL, err = w.http(ctx, w.push); err != nil {
		return err
	}
	if w.chatURL, err = w.http(ctx, w.room); err != nil {
		return err
	}
	if w.inboxURL, err = w.http(ctx, w.inbox); err != nil {
		return err
	}
	if w.deskURL, err = w.http(ctx, w.desk); err != nil {
		return err
	}
	w.line = &linesim.Server{Answer: w.mood, Client: &http.Client{Timeout: 10 * time.Second}}
	w.closers = append(w.closers, w.line)
	w.onLine = w.line.SetUpMove(linesim.Move{}).New
	if w.lineURL, err = w.http(ctx, w.line); err != nil {
		return err
	}
	l, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.mailAddr = l.Addr().String()
	w.closers = append(w.closers, w.inbox)
	w.servers.Go(func() { w.inbox.Serve(l) }) //nolint:errcheck // ends when it is closed
	return nil
}

// mood is how the rooms and the desk treat a call: politely, until they misbehave.
func (w *world) mood(r *http.Request) (int, bool) {
	if rude := w.rude.Load(); rude != nil {
		return (*rude)(r)
	}
	return 0, false
}

// breaks has one customer's mail provider take every mail and break the
// connection before it says so.
func breaks(_, to string) (code int, done bool) {
	if to == brokenMail {
		return -1, true
	}
	return 0, false
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}

func (w *world) http(ctx context.Context, h http.Handler) (url string, err error) {
	l, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	w.closers = append(w.closers, s)
	w.servers.Go(func() { s.Serve(l) }) //nolint:errcheck // ends when it is closed
	return "http://" + l.Addr().String(), nil
}

func (w *world) close() error {
	var err error
	for _, c := range w.closers {
		err = errors.Join(err, c.Close())
	}
	w.servers.Wait()
	return err
}

// hub starts the real hub on a real store, furnishes it and plays.
func (w *world) hub(ctx context.Context, o Options, dir string, play func(context.Context, *serve.Hub) error) error {
	c := config.Default()
	c.Node, c.Database, c.KeyFile = "demo", config.DSN(filepath.Join(dir, "engawa.db")), filepath.Join(dir, "engawa.key")
	c.Egress.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	l, err := listen(ctx, o.Addr)
	if err != nil {
		return err
	}
	c.Listen = l.Addr().String()
	w.hubURL = "http://" + c.Listen
	w.line.SetWebhook(w.onLine.ID, w.hubURL+"/in/"+lineAccount)
	w.desk.Hook = zendesksim.Hook{URL: w.hubURL + "/in/" + deskAccount, Secret: w.deskKey, Client: &http.Client{Timeout: 10 * time.Second}}
	c.Log.Level = "warn"
	c.Relay.Listen, c.Relay.Domains = w.relay.Addr().String(), relayDomain
	h, err := serve.Open(ctx, c, serve.Logger(c.Log, o.LogFile))
	if err != nil {
		return errors.Join(err, l.Close())
	}
	w.words, h.DNS = h.Words, w.zone.dns()
	announced(h.Compose.Kinds)
	if err := w.furnish(ctx, h); err != nil {
		return errors.Join(fmt.Errorf("demo: %w", err), l.Close(), h.Close())
	}
	runCtx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 2)
	go func() { ended <- h.Run(runCtx, l) }()
	go func() { ended <- h.ServeRelay(runCtx, w.relay) }()
	err = play(ctx, h)
	stop()
	return errors.Join(err, <-ended, <-ended, h.Close())
}

// announced makes the push service of the demo strict, as Kakao is: automatic
// messages must have been announced to customers. Every part of the hub sees
// the same kinds.
func announced(kinds []channel.Kind) {
	for i := range kinds {
		kinds[i].Disclosure = kinds[i].Disclosure || kinds[i].Name == "webhook"
	}
}

// perform imports the sample life, plays the main job and, unless it is to be
// quick, lives on until ctx ends.
func (w *world) perform(ctx context.Context, h *serve.Hub, quick bool) error {
	life := newHistory(time.Now())
	if err := w.shop(life); err != nil {
		return fmt.Errorf("demo: the store's past: %w", err)
	}
	if !w.again {
		w.head("demo.begin")
		if err := w.bring(ctx, h, life); err != nil {
			return fmt.Errorf("demo: sample life: %w", err)
		}
		if err := w.settled(ctx, h, life); err != nil {
			return fmt.Errorf("demo: sample life: %w", err)
		}
		w.store.CatchUp()
		for _, act := range []func(context.Context, *serve.Hub) error{w.today, w.past, w.play} {
			if err := act(ctx, h); err != nil {
				return fmt.Errorf("demo: %w", err)
			}
		}
	}
	if quick {
		return nil
	}
	w.store.CatchUp()
	w.misbehave()
	sandbox, err := w.sandbox(ctx, h)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if w.trialURL, err = w.http(ctx, sandbox.handler()); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := w.pages(ctx, h); err != nil {
		return err
	}
	if err := w.quicken(); err != nil {
		return fmt.Errorf("demo: quicken the store: %w", err)
	}
	return w.live(ctx, life)
}

// newKey makes the key with which the demo asks the API.
func (w *world) newKey(ctx context.Context, h *serve.Hub) error {
	var err error
	w.key, err = api.NewKey(ctx, h.Store, workspaceID, "demo", "*")
	return err
}
