package sim

import (
	_ "embed"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa/internal/look"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText []byte

var page = look.Template(pageText, nil)

// What the page shows of long lists.
const (
	showLines  = 60
	showPeople = 200 // beside the one who is chosen
)

// view is what the page shows: one person's telephone.
type view struct {
	look.Page
	Problem  string // of the last act
	People   []choice
	Who      *choice
	Asked    string // a link that somebody's browser was sent to
	Went     *Opened
	Accounts []accountView
	Chat     *chatView
	Passed   []string // links that others passed on
	Posters  []choice
}

type choice struct{ ID, Name string }

type accountView struct {
	ID, Name, Basic, Provider, Last string
	State                           FriendState
	Chosen                          bool
}

type chatView struct {
	accountView
	Menu   *menuView
	Lines  []lineView
	Draft  string
	Others []choice
}

type menuView struct {
	Name    string
	Actions []Action
}

type lineView struct {
	Message
	Own   bool
	Links []string
	At    time.Time
}

func (s *Server) view(w http.ResponseWriter, r *http.Request) {
	look.Show(w, page, s.picture(look.For(r, words), r.URL.Query()))
}

func (s *Server) picture(p look.Page, q url.Values) view {
	s.enter()
	defer s.leave()
	v := view{Page: p, Problem: s.problem, Asked: q.Get("open")}
	who := s.person(q.Get("person"))
	if who == nil && len(s.persons) > 0 {
		who = s.persons[0]
	}
	for i, p := range s.persons {
		if i < showPeople || p == who {
			v.People = append(v.People, choice{p.id, p.name})
		}
	}
	for _, a := range s.accounts {
		for _, segment := range append([]string{""}, a.segments...) {
			v.Posters = append(v.Posters, choice{AddLink(a.BasicID, segment), strings.TrimSuffix(a.Name+" · "+segment, " · ")})
		}
	}
	if who == nil {
		return v
	}
	v.Who, v.Went, v.Passed = &choice{who.id, who.name}, who.opened, slices.Clone(who.passed)
	chosen := s.account(q.Get("account"))
	for _, a := range s.accounts {
		if chosen == nil && who.friends[a] != nil {
			chosen = a
		}
		v.Accounts = append(v.Accounts, showAccount(who, a))
	}
	if chosen == nil && len(s.accounts) > 0 {
		chosen = s.accounts[0]
	}
	for i := range v.Accounts {
		v.Accounts[i].Chosen = chosen != nil && v.Accounts[i].ID == chosen.ID
	}
	if chosen != nil {
		v.Chat = s.chat(who, chosen, v.People)
	}
	return v
}

func showAccount(who *person, a *account) accountView {
	v := accountView{ID: a.ID, Name: a.Name, Basic: a.BasicID, Provider: a.Provider, State: Never}
	if f := who.friends[a]; f != nil {
		v.State = f.state
		if n := len(f.chat); n > 0 {
			v.Last = f.chat[n-1].Text
		}
	}
	return v
}

func (s *Server) chat(who *person, a *account, people []choice) *chatView {
	v := &chatView{accountView: showAccount(who, a)}
	if who.opened != nil && who.opened.Account == a.BasicID {
		v.Draft = who.opened.Text
	}
	for _, p := range people {
		if p.ID != who.id {
			v.Others = append(v.Others, p)
		}
	}
	if m := a.menus.find(a.menuOf(who)); m != nil && v.State == Friend {
		v.Menu = &menuView{m.ChatBar, m.actions()}
	}
	f := who.friends[a]
	if f == nil {
		return v
	}
	f.read()
	for _, m := range f.chat[max(0, len(f.chat)-showLines):] {
		v.Lines = append(v.Lines, lineView{Message: *m, Own: m.Kind == "person", Links: m.links(), At: m.At})
	}
	return v
}

// asked sends a browser that came to a page of LINE's to the telephone, where
// somebody says whose it is.
func asked(w http.ResponseWriter, r *http.Request) {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	http.Redirect(w, r, "/?"+url.Values{"open": {scheme + r.Host + r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
}

// actForm takes what the page posts, does it and shows the telephone again.
func (s *Server) actForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "a form is needed", http.StatusBadRequest)
		return
	}
	err := s.actOf(r.PostForm)
	s.mu.Lock()
	s.problem = ""
	if err != nil {
		s.problem = err.Error()
	}
	s.mu.Unlock()
	back := url.Values{"lang": {look.Language(r)}, "person": {r.PostFormValue("person")}, "account": {r.PostFormValue("account")}}
	http.Redirect(w, r, "/?"+back.Encode(), http.StatusSeeOther)
}

func (s *Server) actOf(f url.Values) error {
	who, account := f.Get("person"), f.Get("account")
	switch f.Get("act") {
	case "person":
		s.AddPerson(f.Get("name"))
		return nil
	case "follow":
		return s.Follow(who, account)
	case "block":
		return s.Block(who, account)
	case "write":
		s.shut(who)
		_, err := s.Write(who, account, f.Get("text"))
		return err
	case "unsend":
		return s.Unsend(who, account, f.Get("message"))
	case "tap":
		n, err := strconv.Atoi(f.Get("action"))
		if err != nil {
			return errors.New("there is no such action")
		}
		link, err := s.Tap(who, account, f.Get("message"), n)
		return s.followLink(who, link, err, f)
	case "menu":
		n, err := strconv.Atoi(f.Get("action"))
		if err != nil {
			return errors.New("there is no such action")
		}
		link, err := s.TapMenu(who, account, n)
		return s.followLink(who, link, err, f)
	case "open":
		return s.followLink(who, f.Get("link"), nil, f)
	case "pass":
		return s.Pass(f.Get("to"), f.Get("link"))
	}
	return errors.New("there is no such act")
}

// followLink opens a link for the page, which shows where it led.
func (s *Server) followLink(who, link string, err error, f url.Values) error {
	s.shut(who)
	if err != nil || link == "" {
		return err
	}
	o, err := s.Open(who, link, f.Get("add") == "yes")
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.person(who).opened = &o
	if o.Account != "" {
		f.Set("account", s.account(o.Account).ID)
	}
	return nil
}

// shut forgets where a person's last link led.
func (s *Server) shut(who string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.person(who); p != nil {
		p.opened = nil
	}
}
