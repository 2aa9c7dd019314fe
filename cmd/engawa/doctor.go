package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/config"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
)

type doctorCmd struct {
	configFile
	JSON   bool
	Domain []string
	DKIM   string `name:"dkim"`
}

// finding is what one check found.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Seen   string `json:"seen"`
	Wanted string `json:"wanted"`
	Repair string `json:"repair,omitempty"`
}

// maxSkew is what the dispatcher tolerates between this clock and the database's.
const maxSkew = time.Second

// Run prints every finding and fails if one is not as it should be.
func (d doctorCmd) Run(ctx context.Context) error {
	found := d.examine(ctx)
	bad := 0
	for _, f := range found {
		if !f.OK {
			bad++
		}
	}
	if err := d.print(found); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d checks failed", bad, len(found))
	}
	return nil
}

func (d doctorCmd) print(found []finding) error {
	if d.JSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(found)
	}
	for _, f := range found {
		mark := "ok  "
		if !f.OK {
			mark = "FAIL"
		}
		fmt.Printf("%s %-14s %s\n", mark, f.Check, f.Seen)
		if !f.OK {
			fmt.Printf("     wanted: %s\n     to do:  %s\n", f.Wanted, f.Repair)
		}
	}
	return nil
}

func (d doctorCmd) examine(ctx context.Context) []finding {
	c, err := d.load()
	if err != nil {
		return []finding{{"configuration", false, told(err), "a configuration that can be read", "correct it; engawa config describe explains every key"}}
	}
	found := []finding{{Check: "configuration", OK: true, Seen: "can be read"}, checkKeyFile(c)}
	if c.PublicURL != "" {
		found = append(found, checkPublicURL(c))
	}
	for _, domain := range d.Domain {
		found = append(found, checkDomain(ctx, domain, d.DKIM)...)
	}
	ring, err := store.RingOf(ctx, c.Database.Reveal())
	if err == nil && ring == "" { // opening the hub would make one: a check makes nothing
		return append(found, finding{Check: "database", OK: true, Seen: "there is none yet; the first start makes it"})
	}
	err = d.look(ctx, func(h *serve.Hub) error {
		found = append(found, checkHub(ctx, h)...)
		return nil
	})
	if err != nil {
		found = append(found, finding{"database", false, told(err), "a database that opens with this key file", "start it or correct the key database"})
	}
	return found
}

// checkKeyFile says what is there; that others cannot read it, config has checked.
func checkKeyFile(c config.Config) finding {
	if _, err := os.Stat(c.KeyFile); errors.Is(err, fs.ErrNotExist) {
		return finding{Check: "key file", OK: true, Seen: c.KeyFile + " does not exist yet; the first start makes it"}
	}
	return finding{Check: "key file", OK: true, Seen: c.KeyFile + " is private"}
}

func checkPublicURL(c config.Config) finding {
	u, err := url.Parse(c.PublicURL)
	local := err == nil && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback())
	return finding{
		"public url", local || strings.HasPrefix(c.PublicURL, "https://"), c.PublicURL, "a URL that begins with https://, or one on this machine alone",
		"put a reverse proxy with a certificate in front and set public_url; providers refuse plain http",
	}
}

func checkHub(ctx context.Context, h *serve.Hub) []finding {
	found := []finding{{Check: "database", OK: true, Seen: h.Store.Engine() + " answers, is migrated and fits the key file"}}
	skew, err := h.Store.Skew(ctx)
	found = append(found, finding{
		"clock", err == nil && skew.Abs() < maxSkew, fmt.Sprintf("%s from the database's", skew.Round(time.Millisecond)),
		"less than " + maxSkew.String(), "run a time service (chrony, systemd-timesyncd) on both machines",
	})
	all, err := h.Store.Workspaces(ctx)
	if err != nil {
		return append(found, finding{"workspaces", false, told(err), "workspaces that can be read", "run engawa verify"})
	}
	if len(all) == 0 {
		found = append(found, finding{"workspaces", false, "there is none", "at least one", "run engawa workspace add NAME"})
	}
	for _, w := range all {
		found = append(found, checkLanes(ctx, h, w)...)
		found = append(found, checkAccounts(ctx, h, w)...)
	}
	return found
}

// askTime is how long one account may take to answer.
const askTime = 20 * time.Second

// checkAccounts asks the provider of every enabled account that can be asked,
// without sending anything.
func checkAccounts(ctx context.Context, h *serve.Hub, w engawa.Workspace) []finding {
	accounts, err := h.Store.Accounts(ctx, w.ID)
	if err != nil {
		return []finding{{"accounts", false, told(err), "accounts that can be read", "run engawa verify"}}
	}
	var found []finding
	for _, a := range accounts {
		if !a.Enabled {
			continue
		}
		asked, err := probe(ctx, h, a)
		switch {
		case err != nil:
			found = append(found, finding{"account", false, fmt.Sprintf("%s (%s): %s", a.ID, a.Kind, told(err)), "an account whose provider accepts it", "correct its settings in the console"})
		case asked:
			found = append(found, finding{Check: "account", OK: true, Seen: fmt.Sprintf("%s (%s): its provider accepts it", a.ID, a.Kind)})
		default:
			found = append(found, finding{Check: "account", OK: true, Seen: fmt.Sprintf("%s (%s): its settings are complete; it cannot be asked", a.ID, a.Kind)})
		}
	}
	return found
}

// probe opens an account and asks its provider, where that is possible.
func probe(ctx context.Context, h *serve.Hub, a engawa.Account) (asked bool, err error) {
	kind, ok := message.Find(h.Dispatch.Kinds, a.Kind)
	if !ok {
		return false, fmt.Errorf("this program knows no channel %s", a.Kind)
	}
	settings, err := kind.Check(a.Settings)
	if err != nil || kind.New == nil {
		return false, err
	}
	env := h.Dispatch.Env
	env.Account = a.ID
	ch, err := kind.New(settings, env)
	if err != nil {
		return false, err
	}
	if c, ok := ch.(channel.Closer); ok {
		defer c.Close() //nolint:errcheck // nothing was sent
	}
	p, ok := ch.(channel.Prober)
	if !ok {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return true, p.Probe(ctx)
}

func checkLanes(ctx context.Context, h *serve.Hub, w engawa.Workspace) []finding {
	lanes, err := h.Store.Lanes(ctx, w.ID)
	if err != nil {
		return []finding{{"lanes", false, told(err), "lanes that can be read", "run engawa verify"}}
	}
	var found []finding
	for _, l := range lanes {
		f := finding{Check: "lane", OK: true, Seen: fmt.Sprintf("%s (%s): %d waiting, %d unknown", l.Lane.Account, l.Kind, l.Waiting, l.Unknown)}
		if l.Lane.PausedUntil.After(time.Now()) {
			f.OK, f.Wanted, f.Repair = false, "a lane that works", "see the account in the console: it is paused"
		}
		found = append(found, f)
	}
	return found
}

// checkDomain asks for what receivers of mail look at: SPF (RFC 7208), DMARC
// (RFC 7489) and, with a selector, DKIM (RFC 6376).
func checkDomain(ctx context.Context, domain, selector string) []finding {
	asks := []struct{ check, name, begin string }{
		{"spf", domain, "v=spf1"},
		{"dmarc", "_dmarc." + domain, "v=DMARC1"},
	}
	if selector != "" {
		asks = append(asks, struct{ check, name, begin string }{"dkim", selector + "._domainkey." + domain, "v=DKIM1"})
	}
	var found []finding
	for _, a := range asks {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		records, err := net.DefaultResolver.LookupTXT(ctx, a.name)
		cancel()
		f := finding{a.check, false, a.name + " has no such record", "a TXT record at " + a.name + " that begins with " + a.begin, "add it at the DNS provider; docs/install.md has examples"}
		if err != nil {
			f.Seen = a.name + " could not be found in the DNS"
		}
		for _, r := range records {
			if strings.HasPrefix(r, a.begin) {
				f.OK, f.Seen = true, a.name+" has a record"
			}
		}
		found = append(found, f)
	}
	return found
}
