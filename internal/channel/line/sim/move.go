package sim

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Move is the scenario "vendor to own": an account that a vendor's provider holds,
// whose friends are asked to add one of the business's own provider. What is zero
// is as said here; below zero is nobody.
type Move struct {
	People   int      // 1,200
	Segments []string // shop, web, lapsed and vip; people are spread over them
	Blocked  int      // percent who block the old account: 15
	Silent   int      // percent who never wrote and do nothing: 30
	Tap      int      // percent of the others who tap what they are sent, and follow the link that they get: 55
	Forward  int      // percent of the others who tap and first pass the link on: 5
	Block    int      // percent of the others who block the old account at the first message: 3
	Seed     uint64   // who is who
	Endpoint string   // of a LIFF app of the own provider; empty: no Login channel
	OldHook  string   // webhook of the old account: the vendor's; empty: none
}

// Moving is the scenario as it stands.
type Moving struct {
	Old, New Account
	Login    Login // without an ID where there is none
	People   []Mover

	// Browse, if set, is told where a link led a person outside of LINE.
	Browse func(person, url string)

	sim *Server
}

// Mover is one human of a Move.
type Mover struct {
	Person, Segment string
	Nature          string // "silent", "blocked", "taps", "forwards", "blocks" or "waits"
	seen            int    // lines of the old account's chat
	passed          int    // links from others
}

// Acts counts what humans did.
type Acts struct {
	Tapped, Opened, Forwarded, Blocked int
}

// SetUpMove makes the world of a Move, without telling anybody: these people met
// the old account long ago.
func (s *Server) SetUpMove(m Move) *Moving {
	m.People, m.Blocked, m.Silent = cmp.Or(m.People, 1200), cmp.Or(m.Blocked, 15), cmp.Or(m.Silent, 30)
	m.Tap, m.Forward, m.Block = cmp.Or(m.Tap, 55), cmp.Or(m.Forward, 5), cmp.Or(m.Block, 3)
	if len(m.Segments) == 0 {
		m.Segments = []string{"shop", "web", "lapsed", "vip"}
	}
	v := &Moving{sim: s}
	v.Old = s.AddAccount(Account{Provider: "Vendor", Name: "ひなた珈琲", BasicID: "@hinata-old", Plan: 5000, Webhook: m.OldHook})
	v.New = s.AddAccount(Account{Provider: "Own", Name: "ひなた珈琲(新)", BasicID: "@hinata-new", Verified: true, Plan: 5000})
	for _, r := range [][4]string{
		{v.Old.ID, ProviderRole, "vendor", "Admin"},
		{v.Old.ID, ChannelRole, "vendor", "Admin"},
		{v.Old.ID, ManagerRole, "vendor", "admin"},
		{v.Old.ID, ManagerRole, "owner", "admin"},
		{v.New.ID, ProviderRole, "owner", "Admin"},
		{v.New.ID, ChannelRole, "owner", "Admin"},
		{v.New.ID, ManagerRole, "owner", "admin"},
	} {
		_ = s.SetRole(r[0], r[1], r[2], r[3]) // both accounts are there
	}
	if m.Endpoint != "" {
		v.Login = s.AddLogin(Login{Provider: "Own", Account: v.New.ID, Published: true, LIFF: []LIFF{{URL: m.Endpoint, Description: "move", BotPrompt: "aggressive"}}})
	}
	for _, segment := range m.Segments {
		s.AddPoster(v.New.ID, segment)
	}
	natures := m.natures()
	for i, nature := range natures {
		who := s.AddPerson(fmt.Sprintf("%s %d", family[i%len(family)], i+1))
		v.People = append(v.People, Mover{Person: who, Segment: m.Segments[i%len(m.Segments)], Nature: nature})
		s.befriend(who, v.Old.ID, v.People[i])
	}
	return v
}

var family = []string{"佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤"}

// natures are of so many people, in any order.
func (m Move) natures() []string {
	share := func(of, percent int) int { return max(0, of*percent/100) }
	blocked, silent := share(m.People, m.Blocked), share(m.People, m.Silent)
	rest := max(0, m.People-blocked-silent)
	var out []string
	for _, part := range []struct {
		nature string
		n      int
	}{{"blocked", blocked}, {"silent", silent}, {"taps", share(rest, m.Tap)}, {"forwards", share(rest, m.Forward)}, {"blocks", share(rest, m.Block)}} {
		out = append(out, slices.Repeat([]string{part.nature}, part.n)...)
	}
	for len(out) < m.People {
		out = append(out, "waits")
	}
	out = out[:m.People]
	rand.New(rand.NewPCG(m.Seed, 5)).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] }) //nolint:gosec // nothing secret
	return out
}

// befriend has a person know an account for long.
func (s *Server) befriend(person, accountID string, m Mover) {
	s.enter()
	defer s.leave()
	who, a, err := s.pair(person, accountID)
	if err != nil {
		return
	}
	f, now := a.meet(who), s.now()
	f.segment = m.Segment
	f.become(Friend, now)
	if m.Nature == "blocked" {
		f.become(Blocked, now)
	}
	if m.Nature != "silent" {
		f.wrote = now.Add(-30 * 24 * time.Hour)
	}
}

// VendorCSV is what the vendor's tool exports: everybody, with the user id of who
// ever wrote.
func (v *Moving) VendorCSV() string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	rows := [][]string{{"id", "display_name", "line_user_id", "tag", "blocked"}}
	for i, m := range v.People {
		id := ""
		if m.Nature != "silent" {
			id = v.sim.UserID(m.Person, v.Old.ID)
		}
		rows = append(rows, []string{fmt.Sprint(100000 + i), fmt.Sprintf("%s %d", family[i%len(family)], i+1), id, m.Segment, fmt.Sprint(m.Nature == "blocked")})
	}
	_ = w.WriteAll(rows) // into memory
	return b.String()
}

// Act lets every human look at their telephone once: what came since the last time
// from the old account is tapped, followed, passed on or answered with a block, as
// their nature is. A postback is answered by the client; its answer is seen at the
// next Act.
func (v *Moving) Act() Acts {
	var done Acts
	for i := range v.People {
		m := &v.People[i]
		for _, link := range v.sim.Passed(m.Person)[m.passed:] {
			m.passed++
			v.open(m.Person, link, &done)
		}
		lines := v.sim.Inbox(m.Person, v.Old.ID)
		fresh := lines[min(m.seen, len(lines)):]
		m.seen = len(lines)
		for _, line := range fresh {
			if line.Kind != "person" {
				v.meet(i, line, &done)
			}
		}
	}
	return done
}

// meet is a human meeting one line.
func (v *Moving) meet(i int, line Message, done *Acts) {
	m := v.People[i]
	switch m.Nature {
	case "blocks":
		if v.sim.Block(m.Person, v.Old.ID) == nil {
			done.Blocked++
		}
		v.People[i].Nature = "blocked"
		return
	case "taps", "forwards":
	default:
		return
	}
	for n, a := range line.Actions {
		if a.Type == "postback" {
			if _, err := v.sim.Tap(m.Person, v.Old.ID, line.ID, n); err == nil {
				done.Tapped++
			}
			break
		}
	}
	links := line.links()
	if len(links) == 0 {
		return
	}
	to := v.People[(i+1)%len(v.People)].Person
	if m.Nature == "forwards" && to != m.Person && v.sim.Pass(to, links[0]) == nil {
		done.Forwarded++
	}
	v.open(m.Person, links[0], done)
}

// open is a human following a link to the new account: they accept to add it, and
// send what was written for them.
func (v *Moving) open(person, link string, done *Acts) {
	o, err := v.sim.Open(person, link, true)
	if err != nil {
		return
	}
	done.Opened++
	switch {
	case o.Text != "":
		if v.sim.Follow(person, o.Account) == nil {
			_, _ = v.sim.Write(person, o.Account, o.Text) // one who blocks it does not
		}
	case o.URL != "" && v.Browse != nil:
		v.Browse(person, o.URL)
	}
}
