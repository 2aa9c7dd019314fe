package console_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/builtin"
	chatworksim "github.com/engawa/engawa/internal/channel/chatwork/sim"
	listsim "github.com/engawa/engawa/internal/channel/listform/sim"
	zendesksim "github.com/engawa/engawa/internal/channel/zendesk/sim"
	"github.com/engawa/engawa/internal/console"
	"github.com/engawa/engawa/internal/look/looktest"
	"github.com/engawa/engawa/internal/store/storetest"
)

// retake is what is run when a page was changed and its picture was not.
const retake = "script/install && go test ./internal/console -run '^TestGuides$' -screens"

// guided is an account as the guide of its kind shows it.
type guided struct {
	name     string
	settings map[string]string
}

// guides are the accounts in the pictures of docs/channels, by kind.
var guides = map[string]guided{
	"mail": {"Notices mailbox", map[string]string{
		"host": "smtp.hinata.example:587", "username": "engawa", "password": "secret", "from_address": "shop@hinata.example", "from_name": "Hinata Coffee",
		"return_path": "bounces@hinata.example", "dkim_domain": "hinata.example", "dkim_selector": "engawa", "dkim_key": "secret",
	}},
	"line":       {"Hinata Coffee on LINE", map[string]string{"channel_id": "1657000001", "channel_secret": "8c570fa6dd201bb328f1c1eac23a96d8", "bot_user_id": "U8e742f61d673b39c7fff3cecb7536ef0", "monthly_quota": "5000"}},
	"chatwork":   {"Shop rooms", map[string]string{"token": "secret", "webhook_token": "c2VjcmV0"}},
	"slack":      {"Shop channels", map[string]string{"how": "bot", "token": "xoxb-secret"}},
	"teams":      {"Payments channel", map[string]string{"webhook_url": "https://hinata.example/secret"}},
	"discord":    {"Barista channel", map[string]string{"how": "webhook", "webhook_url": "https://discord.com/api/webhooks/1/secret"}},
	"telegram":   {"Night shift", map[string]string{"token": "7654321:AAAAbbbbCCCCddddEEEEffffGGGG"}},
	"googlechat": {"Office space", map[string]string{"webhook_url": "https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=t", "thread_key": "payments"}},
	"webhook":    {"Stock system", map[string]string{"url": "https://stock.hinata.example/hooks/engawa", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "content": "event"}},
	"zendesk":    {"Help desk", map[string]string{"subdomain": "hinata", "client_id": "engawa", "client_secret": "secret", "webhook_secret": "secret", "custom_fields": "360001234567 = data.plan"}},
	"listform":   {"Monthly letter", map[string]string{"url": "https://list.example/apply", "admin_url": "https://list.example/admin", "plan_id": "7", "products": "plan.yearly = 12"}},
	"http": {"Text messages", map[string]string{
		"url": "https://sms.example/v1/send?to={{to}}", "secret_header": "Authorization", "secret_value": "secret", "body": `{"text": "{{text}}", "id": "{{key}}"}`, "ok_pointer": "/ok", "ok_equals": "true",
	}},
	"inapp": {"In Hinata iOS", map[string]string{"app": "app_hinata"}},
	"appstore": {"Hinata iOS", map[string]string{
		"bundle_id": "jp.hinata.coffee", "app_apple_id": "1234567890", "environment": "production", "issuer_id": "57246542-96fe-1a63-e053-0824d011072a", "key_id": "2X9R4HXF34", "private_key": "secret",
	}},
	"stripe": {"Subscriptions", map[string]string{"secret": "whsec_secret", "member_key": "member"}},
	"smaregi": {"Stock app at Smaregi", map[string]string{
		"app": "app_hinata", "client_id": "0123456789abcdef", "secret": "secret of 16 letters",
	}},
	"inbox": {"Notices of the old shop", map[string]string{"proof": "dkim", "authserv_id": "mx.hinata.example"}},
	"csv":   {"Member list", map[string]string{"issuer": "shop2"}},
}

// page is what a picture is taken of.
type page struct {
	url   string // of the test's server
	kind  string // of account; empty: a page of the gallery
	crop  string // a selector of the part that matters; empty: all of it
	width int64
	theme string
	main  string // its HTML without the menu, which is on every page and is no reason to take a picture again
}

const docs = "../../docs/"

// mostBytes is how large a picture of an account's whole page may be, and mostOfStep
// one of a step: guides are read over telephones too.
const mostBytes, mostOfStep = 84_000, 60_000

// TestGuides: the guide of every kind shows the page of an account of that kind,
// as the console makes it; every picture is of the page as it is now, exists, and
// is shown by the guide that it was taken for. What a picture was taken of is kept
// as a hash in docs/screens/guides.sum, so that no browser is needed to see that it
// is old; with -screens, one takes those that are, and without the file all.
func TestGuides(t *testing.T) {
	h, pages := guidePages(t)
	kinds := map[string]channel.Kind{}
	for _, k := range builtin.Kinds() {
		kinds[k.Name] = k
		guide := readDoc(t, "channels/"+k.Name+".md")
		if !strings.Contains(guide, "](../screens/"+pictureOf(k.Name)+")") {
			t.Errorf("docs/channels/%s.md does not show %s, the page of such an account", k.Name, pictureOf(k.Name))
		}
		for _, other := range regexp.MustCompile(`guide-([a-z]+)[.-]`).FindAllStringSubmatch(guide, -1) {
			if other[1] != k.Name {
				t.Errorf("docs/channels/%s.md shows the page of an account of %s", k.Name, other[1])
			}
		}
		ofItsKind(t, k, pages[pictureOf(k.Name)].main)
		for name, p := range pages {
			if p.crop != "" && p.kind == k.Name && !strings.Contains(guide, "](../screens/"+name+")") {
				t.Errorf("docs/channels/%s.md does not show %s, a step of its set-up", k.Name, name)
			}
		}
	}
	if *screens {
		takeGuides(t, h, pages)
	}
	sums := strings.Split(strings.TrimSpace(readDoc(t, "screens/guides.sum")), "\n")
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		if !slices.Contains(sums, pages[name].sum(name)) {
			t.Errorf("the page that docs/screens/%s shows has changed since it was taken; take it again and look at it: %s", name, retake)
		}
		most := int64(mostBytes)
		if pages[name].crop != "" {
			most = mostOfStep
		}
		shot, err := os.Stat(docs + "screens/" + name)
		if err != nil {
			t.Error(err)
		} else if pages[name].kind != "" && shot.Size() > most {
			t.Errorf("docs/screens/%s has %d bytes; %d are allowed", name, shot.Size(), most)
		}
	}
	if len(sums) != len(pages) {
		t.Errorf("docs/screens/guides.sum speaks of %d pictures, the guides show %d", len(sums), len(pages))
	}
	taken, err := filepath.Glob(docs + "screens/guide-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range taken {
		if _, ok := pages[filepath.Base(path)]; !ok {
			t.Errorf("no guide shows %s", path)
		}
	}
}

// sum is a page's line in docs/screens/guides.sum.
func (p page) sum(name string) string {
	return fmt.Sprintf("%x  %s", sha256.Sum256([]byte(p.main)), name)
}

func pictureOf(kind string) string { return "guide-" + kind + ".en.png" }

func readDoc(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(docs + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// ofItsKind holds a page to the kind that it is to show: it names it, and has
// every input that one fills in.
func ofItsKind(t *testing.T, k channel.Kind, main string) {
	t.Helper()
	w := words(t)
	if !strings.Contains(main, html.EscapeString(w.T(engawa.English, "kind."+k.Name))) {
		t.Errorf("the page of %s does not name it", k.Name)
	}
	for _, f := range k.Fields {
		chosen := k.Form != nil && slices.Contains(k.Form.Fields, f.Key) || f.Type == channel.Own // on a page of its own
		if has := strings.Contains(main, ` name="s.`+f.Key+`"`); has == chosen {
			t.Errorf("the page of %s: that %s is on it is %v", k.Name, f.Key, has)
		}
	}
}

// guidePages are the pages of which docs/channels shows pictures, by the
// picture's name, and what serves them.
func guidePages(t *testing.T) (http.Handler, map[string]page) {
	t.Helper()
	zendesk := &zendesksim.Server{Polite: true}
	zendesk.AddBrand(360000000000201, "Hinata Coffee", true)
	list, room := listsim.New(listsim.Options{Polite: true, Seed: 1}), &chatworksim.Server{Token: "t0ken"}
	d := deskOver(t, storetest.SQLite(t), &http.Client{Transport: wire{"hinata.zendesk.com": zendesk, "list.example": list, "api.chatwork.com": room}})
	d.member.Locale, d.member.Name = engawa.English, "Yuki Sato"
	w := words(t)
	mux := http.NewServeMux()
	mux.Handle("/", d.h)
	mux.Handle("/_pages/", console.Gallery(w))
	pages := map[string]page{}
	for _, st := range guideSteps(d, room, list, zendesk) {
		name := fmt.Sprintf("guide-%s-%s.en.png", st.kind, st.name)
		url := cmp.Or(st.url, "/_steps/"+name)
		if st.body != "" {
			mux.HandleFunc(url, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, st.body) })
		}
		pages[name] = page{url: url, kind: st.kind, crop: st.crop, width: 1280, theme: "light"}
	}
	for kind, g := range guides {
		a := engawa.Account{Workspace: ws, ID: engawa.FixedID(engawa.PrefixAccount, "guide", kind), Kind: kind, Name: g.name, Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Custodian: "Yuki Sato", Enabled: kind != "listform", CreatedAt: time.Now(), Settings: g.settings}
		d.must(d.st.AddAccount(t.Context(), a))
		pages[pictureOf(kind)] = page{url: "/accounts/" + a.ID, kind: kind, width: 1080, theme: "light"}
	}
	for _, x := range shots {
		name := fmt.Sprintf("%s.%s.%d.%s.png", x.page, x.lang, x.width, x.theme)
		for _, k := range builtin.Kinds() {
			if strings.Contains(readDoc(t, "channels/"+k.Name+".md"), "](../screens/"+name+")") {
				pages[name] = page{url: "/_pages/" + x.page + "?lang=" + x.lang, width: x.width, theme: x.theme}
			}
		}
	}
	for name, p := range pages {
		res := httptest.NewRecorder()
		mux.ServeHTTP(res, httptest.NewRequest(http.MethodGet, p.url, nil))
		if res.Code != http.StatusOK {
			t.Fatalf("%s: %d", p.url, res.Code)
		}
		if p.main = mainOf(res.Body.String()); p.crop != "" {
			p.main = made.ReplaceAllString(p.main, "")
		}
		pages[name] = p
	}
	return mux, pages
}

// made is what differs each time that a page is made, and says nothing: ids, hashes, times.
var made = regexp.MustCompile(`\b(acc|dst|rte|msg|dlv)_[0-9A-Za-z]{20,}|name="seen" value="[^"]*"|mark=\w+|<time[^>]*>[^<]*</time>|[A-Z][a-z]{2} \d+ [A-Z][a-z]{2} \d\d:\d\d|\d{4}-\d\d-\d\d-[0-9a-f]{12}`)

// wire leads calls of a client to handlers, by host.
type wire map[string]http.Handler

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	to, ok := w[r.URL.Hostname()]
	if !ok {
		return nil, fmt.Errorf("nobody is at %s", r.URL.Hostname())
	}
	res := httptest.NewRecorder()
	to.ServeHTTP(res, r)
	return res.Result(), nil
}

// takeGuides takes the pictures that are old and writes what they were taken of.
func takeGuides(t *testing.T, h http.Handler, pages map[string]page) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.Handle("/static/", console.Static())
	s := httptest.NewServer(mux)
	defer s.Close()
	ctx := looktest.Chromium(t)
	old, err := os.ReadFile(docs + "screens/guides.sum")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var sums strings.Builder
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		p := pages[name]
		line := p.sum(name) + "\n"
		sums.WriteString(line)
		if strings.Contains(string(old), line) {
			continue
		}
		if err := os.WriteFile(docs+"screens/"+name, p.take(ctx, t, s.URL), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(docs+"screens/guides.sum", []byte(sums.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// take is a picture of a page: of an account's without the menu.
func (p page) take(ctx context.Context, t *testing.T, base string) []byte {
	t.Helper()
	theme := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: p.theme}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, theme); err != nil {
		t.Fatal(err)
	}
	looktest.Do(ctx, t, chromedp.EmulateViewport(p.width, 844), chromedp.Navigate(base+p.url))
	if p.crop != "" { // a field by itself gets the card's margin
		looktest.Eval[bool](ctx, t, fmt.Sprintf("(e => { if (e.matches('.field')) e.style.padding = '16px'; return true })(document.querySelector(%q))", p.crop))
	}
	shoot, colours := chromedp.FullScreenshot(100), 256
	if p.kind != "" {
		if colours = 12; p.crop != "" {
			colours = 48
		}
		shoot = chromedp.Screenshot(chromedp.CSS(cmp.Or(p.crop, "#main")))
	}
	shot, err := chromedp.Run(ctx, shoot)
	if err != nil {
		t.Fatal(err)
	}
	return looktest.Small(t, shot, colours)
}
