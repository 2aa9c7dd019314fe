package sim

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	mostAudiences  = 1000
	maxUpload      = 10_000
	maxFile        = 1_500_000
	maxDescription = 120
	audienceLife   = 180 * 24 * time.Hour
	audienceTakes  = 30 * time.Second // until it is ready
	fewest         = 20               // counts below read as 0
	perListPage    = 40
	firstAudience  = 4_389_303_728_990
)

// audience is a group of users, of whom only the number can be read.
type audience struct {
	id      int64
	kind    string // UPLOAD, CLICK, IMP
	name    string
	made    time.Time
	ready   time.Time // after the latest change
	users   map[string]bool
	request string
	click   string
	jobs    []map[string]any
}

var audienceRoutes = []route{
	{"POST", "/v2/bot/audienceGroup/upload", perMinute60, (*call).createUpload, false, false, false},
	{"PUT", "/v2/bot/audienceGroup/upload", perMinute60, (*call).addUpload, false, false, false},
	{"POST", "/v2/bot/audienceGroup/upload/byFile", perMinute60, (*call).createFile, true, true, false},
	{"PUT", "/v2/bot/audienceGroup/upload/byFile", perMinute60, (*call).addFile, true, true, false},
	{"POST", "/v2/bot/audienceGroup/click", perMinute60, (*call).createClick, false, false, false},
	{"POST", "/v2/bot/audienceGroup/imp", perMinute60, (*call).createImp, false, false, false},
	{"GET", "/v2/bot/audienceGroup/list", perMinute60, (*call).listAudiences, false, false, false},
	{"GET", "/v2/bot/audienceGroup/shared/list", perMinute60, (*call).sharedAudiences, false, false, false},
	{"GET", "/v2/bot/audienceGroup/shared/{audience}", perMinute60, (*call).sharedAudience, false, false, false},
	{"PUT", "/v2/bot/audienceGroup/{audience}/updateDescription", perMinute60, (*call).renameAudience, false, false, false},
	{"GET", "/v2/bot/audienceGroup/{audience}", perMinute60, (*call).getAudience, false, false, false},
	{"DELETE", "/v2/bot/audienceGroup/{audience}", perMinute60, (*call).deleteAudience, false, false, false},
}

func (a *account) audience(id string) *audience {
	for _, g := range a.audiences {
		if strconv.FormatInt(g.id, 10) == id {
			return g
		}
	}
	return nil
}

func noAudience() reply {
	return refuse(http.StatusBadRequest, "audience group not found", detail{Message: "AUDIENCE_GROUP_NOT_FOUND"})
}

// newAudience makes an audience, or says why there is none.
func (c *call) newAudience(kind, name string) (*audience, *reply) {
	switch {
	case name == "" || units(name) > maxDescription:
		out := invalid(between("description", 1, maxDescription))
		return nil, &out
	case len(c.of.audiences) >= mostAudiences:
		out := refuse(http.StatusBadRequest, "The maximum number of audiences has been reached")
		return nil, &out
	}
	g := &audience{id: firstAudience + c.next(), kind: kind, name: name, made: c.now(), ready: c.now().Add(audienceTakes), users: map[string]bool{}}
	c.of.audiences = append(c.of.audiences, g)
	return g, nil
}

// fields are what is told of an audience when it was made.
func (g *audience) fields() map[string]any {
	out := map[string]any{
		"audienceGroupId": g.id, "createRoute": "MESSAGING_API", "type": g.kind, "description": g.name, "created": g.made.Unix(),
		"permission": "READ_WRITE", "expireTimestamp": g.made.Add(audienceLife).Unix(), "isIfaAudience": false,
	}
	if g.request != "" {
		out["requestId"] = g.request
	}
	if g.click != "" {
		out["clickUrl"] = g.click
	}
	return out
}

func (g *audience) status(now time.Time) string {
	switch {
	case now.Sub(g.made) >= audienceLife:
		return "EXPIRED"
	case now.Before(g.ready):
		return "IN_PROGRESS"
	}
	return "READY"
}

// full are the fields with how far it is and how many it has.
func (g *audience) full(now time.Time) map[string]any {
	out := g.fields()
	n := len(g.users)
	if n < fewest || g.status(now) == "IN_PROGRESS" {
		n = 0
	}
	out["status"], out["audienceCount"] = g.status(now), n
	return out
}

// fill adds users who are the provider's.
func (c *call) fill(g *audience, ids []string, job string) {
	for _, id := range ids {
		if c.of.provider.users[id] != nil {
			g.users[id] = true
		}
	}
	g.ready = c.now().Add(audienceTakes)
	g.jobs = append(g.jobs, map[string]any{
		"audienceGroupJobId": firstAudience + c.next(), "audienceGroupId": g.id, "description": job, "type": "DIFF_ADD", "audienceCount": len(ids), "created": c.now().Unix(),
	})
}

// upload is a list of users as JSON.
type upload struct {
	ID        int64  `json:"audienceGroupId"`
	Name      string `json:"description"`
	Job       string `json:"uploadDescription"`
	Audiences []struct {
		ID string `json:"id"`
	} `json:"audiences"`
}

func (u upload) ids() []string {
	var out []string
	for _, a := range u.Audiences {
		out = append(out, a.ID)
	}
	return out
}

func (c *call) readUpload() (in upload, refused *reply) {
	if refused = c.into(&in); refused != nil {
		return in, refused
	}
	if len(in.Audiences) > maxUpload {
		out := invalid(between("audiences", 0, maxUpload))
		return in, &out
	}
	return in, nil
}

func (c *call) createUpload() reply {
	in, refused := c.readUpload()
	if refused != nil {
		return *refused
	}
	return c.made("UPLOAD", in.Name, in.ids(), in.Job)
}

// made answers with a new audience of users.
func (c *call) made(kind, name string, ids []string, job string) reply {
	g, refused := c.newAudience(kind, name)
	if refused != nil {
		return *refused
	}
	c.fill(g, ids, job)
	return answer(http.StatusAccepted, g.fields())
}

func (c *call) addUpload() reply {
	in, refused := c.readUpload()
	if refused != nil {
		return *refused
	}
	return c.added(strconv.FormatInt(in.ID, 10), in.ids(), in.Job)
}

// added answers that users are being added to an audience.
func (c *call) added(id string, ids []string, job string) reply {
	g := c.of.audience(id)
	if g == nil || g.kind != "UPLOAD" {
		return noAudience()
	}
	c.fill(g, ids, job)
	return answer(http.StatusAccepted, struct{}{})
}

// file reads a form with a list of users, one a line.
func (c *call) file() (fields map[string]string, ids []string, refused *reply) {
	_, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	out := refuse(http.StatusBadRequest, "The file is invalid")
	if err != nil || params["boundary"] == "" {
		return nil, nil, &out
	}
	fields = map[string]string{}
	parts := multipart.NewReader(bytes.NewReader(c.body), params["boundary"])
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, &out
		}
		b, err := io.ReadAll(p)
		if err != nil {
			return nil, nil, &out
		}
		fields[p.FormName()] = string(b)
	}
	ids = strings.Fields(fields["file"])
	if len(ids) < 1 || len(ids) > maxFile {
		return nil, nil, &out
	}
	return fields, ids, nil
}

func (c *call) createFile() reply {
	fields, ids, refused := c.file()
	if refused != nil {
		return *refused
	}
	return c.made("UPLOAD", fields["description"], ids, fields["uploadDescription"])
}

func (c *call) addFile() reply {
	fields, ids, refused := c.file()
	if refused != nil {
		return *refused
	}
	return c.added(fields["audienceGroupId"], ids, fields["uploadDescription"])
}

// createClick makes an audience of who opened a link of a message that went to
// many, createImp of who saw it.
func (c *call) createClick() reply {
	return c.createFrom("CLICK", func(m *Message) bool { return m.clicked })
}

func (c *call) createImp() reply {
	return c.createFrom("IMP", func(m *Message) bool { return m.opened })
}

func (c *call) createFrom(kind string, has func(*Message) bool) reply {
	var in struct {
		Name    string `json:"description"`
		Request string `json:"requestId"`
		Click   string `json:"clickUrl"`
	}
	if refused := c.into(&in); refused != nil {
		return *refused
	}
	if in.Request == "" {
		return invalid(empty("requestId"))
	}
	g, refused := c.newAudience(kind, in.Name)
	if refused != nil {
		return *refused
	}
	g.request, g.click = in.Request, in.Click
	for _, f := range c.of.friends {
		if slices.ContainsFunc(f.chat, func(m *Message) bool { return m.request == in.Request && has(m) }) {
			g.users[userID(c.of.provider, f.person)] = true
		}
	}
	return answer(http.StatusAccepted, g.fields())
}

func (c *call) getAudience() reply {
	g := c.of.audience(c.args["audience"])
	if g == nil {
		return noAudience()
	}
	jobs := []map[string]any{}
	for _, j := range g.jobs {
		state := "FINISHED"
		if c.now().Before(g.ready) {
			state = "WORKING"
		}
		j["jobStatus"] = state
		jobs = append(jobs, j)
	}
	return answer(http.StatusOK, map[string]any{"audienceGroup": g.full(c.now()), "jobs": jobs})
}

func (c *call) renameAudience() reply {
	var in struct{ Description string }
	if refused := c.into(&in); refused != nil {
		return *refused
	}
	g := c.of.audience(c.args["audience"])
	switch {
	case g == nil:
		return noAudience()
	case in.Description == "" || units(in.Description) > maxDescription:
		return invalid(between("description", 1, maxDescription))
	}
	g.name = in.Description
	return done()
}

func (c *call) deleteAudience() reply {
	g := c.of.audience(c.args["audience"])
	if g == nil {
		return noAudience()
	}
	c.of.audiences = slices.DeleteFunc(c.of.audiences, func(o *audience) bool { return o == g })
	return done()
}

func (c *call) listAudiences() reply {
	q := c.r.URL.Query()
	page, err := strconv.Atoi(q.Get("page"))
	size := defaultOnPage
	if q.Get("size") != "" && q.Get("size") != "0" { // the official SDK sends 0 for none
		size, _ = strconv.Atoi(q.Get("size"))
	}
	if err != nil || page < 1 || size < 1 || size > perListPage {
		return refuse(http.StatusBadRequest, "The value for the 'page' parameter is invalid")
	}
	found := []map[string]any{}
	for _, g := range slices.Backward(c.of.audiences) {
		if strings.Contains(strings.ToLower(g.name), strings.ToLower(q.Get("description"))) && (q.Get("status") == "" || q.Get("status") == g.status(c.now())) {
			found = append(found, g.full(c.now()))
		}
	}
	return audiencePage(found, page, size)
}

func audiencePage(found []map[string]any, page, size int) reply {
	from := min((page-1)*size, len(found))
	to := min(from+size, len(found))
	return answer(http.StatusOK, map[string]any{
		"audienceGroups": found[from:to], "hasNextPage": to < len(found), "totalCount": len(found), "readWriteAudienceGroupTotalCount": len(found), "page": page, "size": size,
	})
}

// sharedAudiences are none: no business manager shares any here.
func (c *call) sharedAudiences() reply { return audiencePage([]map[string]any{}, 1, defaultOnPage) }

func (c *call) sharedAudience() reply { return noAudience() }
