package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	_ "image/jpeg" // rich menus have one or the other
	_ "image/png"
	"net/http"
	"regexp"
	"time"
)

const (
	mostMenus    = 1000
	mostAreas    = 20
	maxMenuName  = 300
	maxChatBar   = 14
	maxImage     = 1 << 20
	maxBulk      = 500
	batchWorking = 10 * time.Second
)

var (
	aliasID   = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)
	resumeKey = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,100}$`)
)

// menus are the rich menus that an account made over the API.
type menus struct {
	order   []*menu
	aliases map[string]string // to a menu's id
	first   string            // the default; "": none
	linked  map[string]string // of users
	batches map[string]*batch
	resumed map[string]bool
}

func newMenus() menus {
	return menus{aliases: map[string]string{}, linked: map[string]string{}, batches: map[string]*batch{}, resumed: map[string]bool{}}
}

// menu is one rich menu.
type menu struct {
	ID       string          `json:"richMenuId"`
	Size     menuSize        `json:"size"`
	Selected bool            `json:"selected"`
	Name     string          `json:"name"`
	ChatBar  string          `json:"chatBarText"`
	Areas    json.RawMessage `json:"areas"`

	kind  string
	image []byte
	taps  []tap
}

// tap is somebody tapping an area of a menu.
type tap struct {
	day  string
	area int
	who  *person
}

type menuSize struct {
	Width  int `json:"width"`
	Height int `json:"height"`
}

// good reports whether LINE shows a menu or image of that size.
func (z menuSize) good() bool {
	return z.Width >= 800 && z.Width <= 2500 && z.Height >= 250 && float64(z.Width)/float64(z.Height) >= 1.45
}

// batch is an order for many users, under way or done.
type batch struct {
	accepted, done time.Time
}

var menuRoutes = []route{
	{"POST", "/v2/bot/richmenu", perHour100, (*call).createMenu, false, false, false},
	{"POST", "/v2/bot/richmenu/validate", perSecond2k, (*call).validateMenu, false, false, false},
	{"GET", "/v2/bot/richmenu/list", perSecond10, (*call).listMenus, false, false, false},
	{"POST", "/v2/bot/richmenu/bulk/link", perSecond2k, (*call).bulkLink, false, false, false},
	{"POST", "/v2/bot/richmenu/bulk/unlink", perSecond2k, (*call).bulkUnlink, false, false, false},
	{"POST", "/v2/bot/richmenu/batch", perHour3, (*call).batchMenus, false, false, false},
	{"POST", "/v2/bot/richmenu/validate/batch", perSecond2k, (*call).validateBatch, false, false, false},
	{"GET", "/v2/bot/richmenu/progress/batch", perHour100, (*call).batchProgress, false, false, false},
	{"POST", "/v2/bot/richmenu/alias", perSecond2k, (*call).createAlias, false, false, false},
	{"GET", "/v2/bot/richmenu/alias/list", perSecond2k, (*call).listAliases, false, false, false},
	{"GET", "/v2/bot/richmenu/alias/{alias}", perSecond2k, (*call).getAlias, false, false, false},
	{"POST", "/v2/bot/richmenu/alias/{alias}", perSecond2k, (*call).updateAlias, false, false, false},
	{"DELETE", "/v2/bot/richmenu/alias/{alias}", perHour100, (*call).deleteAlias, false, false, false},
	{"GET", "/v2/bot/richmenu/{menu}", perSecond2k, (*call).getMenu, false, false, false},
	{"DELETE", "/v2/bot/richmenu/{menu}", perHour100, (*call).deleteMenu, false, false, false},
	{"POST", "/v2/bot/richmenu/{menu}/content", perSecond2k, (*call).setImage, true, true, false},
	{"GET", "/v2/bot/richmenu/{menu}/content", perSecond2k, (*call).getImage, true, true, false},
	{"GET", "/v2/bot/user/all/richmenu", perSecond2k, (*call).getDefault, false, false, false},
	{"DELETE", "/v2/bot/user/all/richmenu", perSecond2k, (*call).cancelDefault, false, false, false},
	{"POST", "/v2/bot/user/all/richmenu/{menu}", perSecond2k, (*call).setDefault, false, false, false},
	{"GET", "/v2/bot/user/{userId}/richmenu", perSecond2k, (*call).userMenu, false, false, false},
	{"DELETE", "/v2/bot/user/{userId}/richmenu", perSecond2k, (*call).unlinkMenu, false, false, false},
	{"POST", "/v2/bot/user/{userId}/richmenu/{menu}", perSecond2k, (*call).linkMenu, false, false, false},
}

// actions are what can be tapped on a menu.
func (m *menu) actions() []Action {
	var areas []struct{ Action Action }
	_ = json.Unmarshal(m.Areas, &areas) // they were checked
	var out []Action
	for _, a := range areas {
		out = append(out, a.Action)
	}
	return out
}

func (m *menus) find(id string) *menu {
	for _, have := range m.order {
		if have.ID == id {
			return have
		}
	}
	return nil
}

// readMenu reads and checks a rich menu.
func (c *call) readMenu() (*menu, *reply) {
	var m menu
	if refused := c.into(&m); refused != nil {
		return nil, refused
	}
	k := &checker{of: c.of}
	if !m.Size.good() {
		k.say("must be 800 to 2500 wide, 250 or more high, and 1.45 times as wide as high or more", "size")
	}
	k.text(map[string]any{"name": m.Name}, "", "name", maxMenuName)
	k.text(map[string]any{"chatBarText": m.ChatBar}, "", "chatBarText", maxChatBar)
	var areas []map[string]any
	_ = json.Unmarshal(m.Areas, &areas) // where it is no list it has no areas
	if len(areas) > mostAreas || len(m.Areas) == 0 {
		k.found = append(k.found, between("areas", 0, mostAreas))
	}
	for _, a := range areas {
		action, _ := a["action"].(map[string]any)
		k.action(action, "areas.")
	}
	if len(k.found) > 0 {
		out := invalid(k.found...)
		return nil, &out
	}
	return &m, nil
}

func (c *call) validateMenu() reply {
	if _, refused := c.readMenu(); refused != nil {
		return *refused
	}
	return done()
}

func (c *call) createMenu() reply {
	m, refused := c.readMenu()
	switch {
	case refused != nil:
		return *refused
	case len(c.of.menus.order) >= mostMenus:
		return refuse(http.StatusBadRequest, "The maximum number of rich menus has been reached")
	}
	m.ID = "richmenu-" + hexText(16)
	c.of.menus.order = append(c.of.menus.order, m)
	return answer(http.StatusOK, map[string]any{"richMenuId": m.ID})
}

func (c *call) listMenus() reply {
	return answer(http.StatusOK, map[string]any{"richmenus": append([]*menu{}, c.of.menus.order...)})
}

func noMenu() reply { return refuse(http.StatusNotFound, "richmenu not found") }

func (c *call) getMenu() reply {
	m := c.of.menus.find(c.args["menu"])
	if m == nil {
		return noMenu()
	}
	return answer(http.StatusOK, m)
}

func (c *call) deleteMenu() reply {
	id, kept := c.args["menu"], c.of.menus.order[:0]
	if c.of.menus.find(id) == nil {
		return noMenu()
	}
	for _, m := range c.of.menus.order {
		if m.ID != id {
			kept = append(kept, m)
		}
	}
	c.of.menus.order = kept
	if c.of.menus.first == id {
		c.of.menus.first = ""
	}
	for user, menu := range c.of.menus.linked {
		if menu == id {
			delete(c.of.menus.linked, user)
		}
	}
	return done()
}

// setImage takes a menu's image: once, of one of two kinds, and as large as it says.
func (c *call) setImage() reply {
	m := c.of.menus.find(c.args["menu"])
	kind := c.r.Header.Get("Content-Type")
	switch {
	case m == nil:
		return noMenu()
	case kind != "image/png" && kind != "image/jpeg":
		return refuse(http.StatusUnsupportedMediaType, "The content type, "+kind+", is not supported")
	case len(c.body) > maxImage:
		return refuse(http.StatusRequestEntityTooLarge, "The image is too large")
	case m.image != nil:
		return refuse(http.StatusBadRequest, "An image has already been uploaded to the richmenu")
	}
	shape, format, err := image.DecodeConfig(bytes.NewReader(c.body))
	if err != nil || "image/"+format != kind || (menuSize{shape.Width, shape.Height}) != m.Size {
		return refuse(http.StatusBadRequest, "The image is invalid")
	}
	m.kind, m.image = kind, c.body
	return done()
}

func (c *call) getImage() reply {
	m := c.of.menus.find(c.args["menu"])
	if m == nil || m.image == nil {
		return notFound()
	}
	return reply{http.StatusOK, http.Header{"Content-Type": {m.kind}}, m.image}
}

// shown finds a menu that can be shown.
func (c *call) shown(id string) *reply {
	m := c.of.menus.find(id)
	switch {
	case m == nil:
		out := noMenu()
		return &out
	case m.image == nil:
		out := refuse(http.StatusBadRequest, "must upload richmenu image before applying it to user")
		return &out
	}
	return nil
}

func (c *call) getDefault() reply {
	if c.of.menus.first == "" {
		return refuse(http.StatusNotFound, "no default richmenu")
	}
	return answer(http.StatusOK, map[string]any{"richMenuId": c.of.menus.first})
}

func (c *call) setDefault() reply {
	if refused := c.shown(c.args["menu"]); refused != nil {
		return *refused
	}
	c.of.menus.first = c.args["menu"]
	return done()
}

func (c *call) cancelDefault() reply {
	c.of.menus.first = ""
	return done()
}

// user checks that a user is one of the provider's.
func (c *call) user(id string) *reply {
	if c.of.provider.users[id] == nil {
		out := refuse(http.StatusBadRequest, "The user ID is invalid")
		return &out
	}
	return nil
}

func (c *call) userMenu() reply {
	if refused := c.user(c.args["userId"]); refused != nil {
		return *refused
	}
	id, ok := c.of.menus.linked[c.args["userId"]]
	if !ok {
		return refuse(http.StatusNotFound, "the user has no richmenu")
	}
	return answer(http.StatusOK, map[string]any{"richMenuId": id})
}

func (c *call) linkMenu() reply {
	if refused := c.user(c.args["userId"]); refused != nil {
		return *refused
	}
	if refused := c.shown(c.args["menu"]); refused != nil {
		return *refused
	}
	c.of.menus.linked[c.args["userId"]] = c.args["menu"]
	return done()
}

func (c *call) unlinkMenu() reply {
	if refused := c.user(c.args["userId"]); refused != nil {
		return *refused
	}
	delete(c.of.menus.linked, c.args["userId"])
	return done()
}

// bulk reads an order for up to 500 users.
func (c *call) bulk() (menu string, users []string, refused *reply) {
	var in struct {
		Menu  string   `json:"richMenuId"`
		Users []string `json:"userIds"`
	}
	if refused = c.into(&in); refused != nil {
		return "", nil, refused
	}
	if len(in.Users) < 1 || len(in.Users) > maxBulk {
		out := invalid(between("userIds", 1, maxBulk))
		return "", nil, &out
	}
	for _, id := range in.Users {
		if !anyUser.MatchString(id) {
			out := badProperty("userIds")
			return "", nil, &out
		}
	}
	return in.Menu, in.Users, nil
}

func (c *call) bulkLink() reply {
	menu, users, refused := c.bulk()
	if refused == nil {
		refused = c.shown(menu)
	}
	if refused != nil {
		return *refused
	}
	for _, id := range users {
		if c.of.provider.users[id] != nil {
			c.of.menus.linked[id] = menu
		}
	}
	return answer(http.StatusAccepted, struct{}{})
}

func (c *call) bulkUnlink() reply {
	_, users, refused := c.bulk()
	if refused != nil {
		return *refused
	}
	for _, id := range users {
		delete(c.of.menus.linked, id)
	}
	return answer(http.StatusAccepted, struct{}{})
}

// operation is one of a batch: from one menu to another, or away.
type operation struct {
	Type, From, To string
}

func (c *call) readBatch() (ops []operation, key string, refused *reply) {
	var in struct {
		Operations []operation
		Key        string `json:"resumeRequestKey"`
	}
	if refused = c.into(&in); refused != nil {
		return nil, "", refused
	}
	k := &checker{of: c.of}
	if len(in.Operations) < 1 || len(in.Operations) > mostMenus {
		k.found = append(k.found, between("operations", 1, mostMenus))
	}
	if in.Key != "" && !resumeKey.MatchString(in.Key) {
		k.say("must match the pattern", "resumeRequestKey")
	}
	for _, o := range in.Operations {
		switch {
		case o.Type == "link" && o.From != "" && o.To != "", o.Type == "unlink" && o.From != "", o.Type == "unlinkAll":
		default:
			k.say("must be specified", "operations.type")
		}
		if o.Type == "link" && c.of.menus.find(o.To) == nil {
			k.say("richmenu not found", "operations.to")
		}
	}
	if len(k.found) > 0 {
		out := invalid(k.found...)
		return nil, "", &out
	}
	return in.Operations, in.Key, nil
}

func (c *call) validateBatch() reply {
	if _, _, refused := c.readBatch(); refused != nil {
		return *refused
	}
	return done()
}

// batchMenus has many users' menus changed, after a while.
func (c *call) batchMenus() reply {
	ops, key, refused := c.readBatch()
	switch {
	case refused != nil:
		return *refused
	case key != "" && c.of.menus.resumed[key]:
		return refuse(http.StatusConflict, "The resume request key is already accepted")
	case key != "":
		c.of.menus.resumed[key] = true
	}
	b, m := &batch{accepted: c.now()}, &c.of.menus
	m.batches[c.id] = b
	c.plan(b.accepted.Add(batchWorking), func() {
		b.done = b.accepted.Add(batchWorking)
		for _, o := range ops {
			m.apply(o)
		}
	})
	return answer(http.StatusAccepted, struct{}{})
}

func (m *menus) apply(o operation) {
	for user, have := range m.linked {
		switch {
		case o.Type == "unlinkAll", o.Type == "unlink" && have == o.From:
			delete(m.linked, user)
		case o.Type == "link" && have == o.From:
			m.linked[user] = o.To
		}
	}
}

func (c *call) batchProgress() reply {
	b := c.of.menus.batches[c.r.URL.Query().Get("requestId")]
	if b == nil {
		return notFound()
	}
	out := map[string]any{"phase": "ongoing", "acceptedTime": stamp(b.accepted)}
	if !b.done.IsZero() {
		out["phase"], out["completedTime"] = "succeeded", stamp(b.done)
	}
	return answer(http.StatusOK, out)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

type alias struct {
	ID   string `json:"richMenuAliasId"`
	Menu string `json:"richMenuId"`
}

func (c *call) createAlias() reply {
	var in alias
	if refused := c.into(&in); refused != nil {
		return *refused
	}
	_, taken := c.of.menus.aliases[in.ID]
	switch {
	case !aliasID.MatchString(in.ID):
		return invalid(detail{"must match the pattern ^[a-z0-9_-]{1,32}$", "richMenuAliasId"})
	case taken:
		return refuse(http.StatusBadRequest, "conflict richmenu alias id")
	case len(c.of.menus.aliases) >= mostMenus:
		return refuse(http.StatusBadRequest, "The maximum number of rich menu aliases has been reached")
	}
	return c.pointAlias(in)
}

// pointAlias has an alias stand for a menu that can be shown.
func (c *call) pointAlias(in alias) reply {
	if refused := c.shown(in.Menu); refused != nil {
		refused.status = http.StatusBadRequest
		return *refused
	}
	c.of.menus.aliases[in.ID] = in.Menu
	return done()
}

func noAlias() reply { return refuse(http.StatusNotFound, "richmenu alias not found") }

func (c *call) updateAlias() reply {
	in := alias{ID: c.args["alias"]}
	if refused := c.into(&in); refused != nil {
		return *refused
	}
	if in.ID = c.args["alias"]; c.of.menus.aliases[in.ID] == "" {
		return noAlias()
	}
	return c.pointAlias(in)
}

func (c *call) getAlias() reply {
	menu, ok := c.of.menus.aliases[c.args["alias"]]
	if !ok {
		return noAlias()
	}
	return answer(http.StatusOK, alias{c.args["alias"], menu})
}

func (c *call) deleteAlias() reply {
	if _, ok := c.of.menus.aliases[c.args["alias"]]; !ok {
		return noAlias()
	}
	delete(c.of.menus.aliases, c.args["alias"])
	return done()
}

func (c *call) listAliases() reply {
	out := []alias{}
	for _, id := range sortedKeys(c.of.menus.aliases) {
		out = append(out, alias{id, c.of.menus.aliases[id]})
	}
	return answer(http.StatusOK, map[string]any{"aliases": out})
}

// Menu is the id of the rich menu that a person's telephone shows for an account:
// their own, else the default; "": none that was made over the API.
func (s *Server) Menu(person, accountID string) string {
	s.enter()
	defer s.leave()
	who, a, err := s.pair(person, accountID)
	if err != nil {
		return ""
	}
	return a.menuOf(who)
}

func (a *account) menuOf(who *person) string {
	if id, ok := a.menus.linked[userID(a.provider, who)]; ok {
		return id
	}
	return a.menus.first
}

// TapMenu is a person tapping the nth area of their rich menu, from 0.
func (s *Server) TapMenu(person, accountID string, n int) (link string, err error) {
	err = s.act(person, accountID, func(f *friendship) error {
		m := f.with.menus.find(f.with.menuOf(f.person))
		if m == nil || f.state != Friend || n < 0 || n >= len(m.actions()) {
			return errors.New("there is no such area")
		}
		m.taps = append(m.taps, tap{day(s.now()), n, f.person})
		link, err = s.tap(f, &Message{}, m.actions()[n])
		return err
	})
	return link, err
}
