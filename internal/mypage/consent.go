package mypage

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/engawa/engawa"
)

// Ask is what a consent link asks, of whom, for whom. It is sealed into the link.
type Ask struct {
	Workspace  string           `json:"w"`
	Customer   string           `json:"c"`
	Controller string           `json:"l"`
	App        string           `json:"a,omitempty"`
	Purposes   []engawa.Purpose `json:"p,omitempty"` // notice, marketing
	Channels   []string         `json:"k,omitempty"` // kinds; none: one box for all of them
	Topic      string           `json:"t,omitempty"`
	Night      bool             `json:"n,omitempty"` // ask for advertising at night, a box of its own (KR Network Act 50(3))
	Address    bool             `json:"d,omitempty"` // ask to hand the address to the controller
	Usage      bool             `json:"u,omitempty"` // ask to tell the store of the usage
	Where      string           `json:"f,omitempty"` // where the link stood: the page, form or shop
	Back       string           `json:"b,omitempty"` // where the reader goes on to
}

// AskLink is the address of the page that asks, and of the same page for a frame.
func (s *Site) AskLink(a Ask, life time.Duration) (page, frame string) {
	page = s.Base + "/consent/" + s.token(askToken, a, life)
	return page, page + "/frame"
}

// boxes are the decisions that an ask offers, in the order of the page.
func (a Ask) boxes() []engawa.Consent {
	var out []engawa.Consent
	add := func(act engawa.Act, purpose engawa.Purpose, channel, topic string) {
		out = append(out, engawa.Consent{
			Workspace: a.Workspace, Customer: a.Customer, Controller: a.Controller, App: a.App, Act: act, Purpose: purpose, Channel: channel, Topic: topic,
		})
	}
	channels := a.Channels
	if len(channels) == 0 {
		channels = []string{""}
	}
	for _, p := range a.Purposes {
		for _, c := range channels {
			add(engawa.ActContact, p, c, a.Topic)
		}
	}
	if a.Night && slices.Contains(a.Purposes, engawa.Marketing) {
		add(engawa.ActContactNight, engawa.Marketing, "", "")
	}
	if a.Address {
		add(engawa.ActShareAddress, engawa.Service, "", "")
	}
	if a.Usage {
		add(engawa.ActShareUsage, engawa.Service, "", "")
		out[len(out)-1].Controller = engawa.ControllerWorkspace // whose app it is answers the store
	}
	return out
}

// Group is the boxes of one kind, in a frame of their own: what is handed on
// never stands among the messages (KR PIPA 22).
type Group struct {
	Title string
	Boxes []Box
}

// Box is one box to tick.
type Box struct {
	Name  string
	Words wording
}

// AskView is the page that asks.
type AskView struct {
	Page
	Sender  string
	App     string
	Groups  []Group
	Seal    string
	Changed bool   // the words changed under the reader's eyes
	Given   int    // how many were given; -1: the page still asks
	Back    string // where to go on to; may be empty
	Own     string // the customer's own page

	words []wording // of all boxes, in their order
}

// asked opens the token and loads the page that it stands for.
func (s *Site) asked(v *visit) (a Ask, view AskView, err error) {
	if err = s.open(askToken, v.r.PathValue("token"), &a); err != nil {
		return a, view, err
	}
	if err = s.known(v, a.Workspace, a.Customer); err != nil {
		return a, view, err
	}
	a.Customer = v.customer.ID
	h, err := s.house(v.ctx(), v.workspace)
	if err != nil {
		return a, view, err
	}
	v.Title = v.T("ask.title")
	view = AskView{Page: v.Page, Sender: h.sender(v.Viewer, a.Controller), App: h.app(a.App), Given: -1, Back: a.Back}
	var all []wording
	for i, c := range a.boxes() {
		w, title := h.words(v.Viewer, c), v.T("ask.group."+string(c.Act)+forPurpose(c))
		if n := len(view.Groups); n == 0 || view.Groups[n-1].Title != title {
			view.Groups = append(view.Groups, Group{Title: title})
		}
		last := &view.Groups[len(view.Groups)-1]
		last.Boxes = append(last.Boxes, Box{strconv.Itoa(i), w})
		all = append(all, w)
	}
	view.words, view.Seal = all, seal(all...)
	return a, view, nil
}

// ask shows the boxes, none of them ticked.
func (s *Site) ask(v *visit) error {
	_, view, err := s.asked(v)
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(v.r.URL.Query().Get("done")); err == nil && n >= 0 {
		view.Given, view.Own = n, s.Link(v.workspace.ID, v.customer.ID)
	}
	return v.show(http.StatusOK, AskPage(view))
}

// agree keeps a decision for each box that was ticked. What was not ticked
// changes nothing: silence is no withdrawal either.
func (s *Site) agree(v *visit) error {
	a, view, err := s.asked(v)
	if err != nil {
		return err
	}
	if v.r.PostFormValue("v") != view.Seal {
		view.Changed = true
		return v.show(http.StatusConflict, AskPage(view))
	}
	how, given := "checkbox", 0
	if v.Frame {
		how = "checkbox_framed"
	}
	by, now := s.by(v), time.Now().UTC()
	for i, c := range a.boxes() {
		if v.r.PostFormValue("box"+strconv.Itoa(i)) == "" {
			continue
		}
		c.ID, c.Given, c.At = engawa.NewID(engawa.PrefixConsent), true, now
		c.Evidence = s.evidence(v, how, a.Where, view.words[i])
		if err := by.Decide(v.ctx(), c); err != nil {
			return err
		}
		given++
	}
	return v.see(v.r.URL.Path, strconv.Itoa(given))
}
