package mypage

import (
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// Portrait is all that the hub knows of a customer, as the customer gets it
// (EU GDPR 15 and 20, JP APPI 33, KR PIPA 35). What staff wrote down is in it.
type Portrait struct {
	Format        string             `json:"format"` // "engawa-portrait-1"
	MadeAt        time.Time          `json:"made_at"`
	Business      string             `json:"business"`
	ID            string             `json:"id"`
	Kind          string             `json:"kind"`
	Name          string             `json:"name"`
	Locale        engawa.Locale      `json:"locale"`
	Country       string             `json:"country"`
	Zone          string             `json:"zone"`
	CreatedAt     time.Time          `json:"created_at"`
	ContactPoints []pointData        `json:"contact_points"`
	Identities    []identityData     `json:"identities"`
	Consents      []consentData      `json:"consents"`
	MailingLists  []listData         `json:"mailing_lists,omitempty"` // of other systems
	Subscriptions []subscriptionData `json:"subscriptions"`
	Purchases     []purchaseData     `json:"purchases"`
	Notes         []noteData         `json:"notes"`
	Events        []eventData        `json:"events"`
	Messages      []messageData      `json:"messages"`
}

type pointData struct {
	ID         string           `json:"id"`
	Kind       string           `json:"kind"`
	Address    string           `json:"address"`
	Role       string           `json:"role"`
	Purposes   []engawa.Purpose `json:"purposes"`
	Shared     bool             `json:"shared"`
	VerifiedAt time.Time        `json:"verified_at,omitzero"`
	CreatedAt  time.Time        `json:"created_at"`
}

type identityData struct {
	Issuer string `json:"issuer"`
	Kind   string `json:"kind"`
	Role   string `json:"role,omitempty"`
}

type consentData struct {
	ID         string          `json:"id"`
	Controller string          `json:"controller"`
	App        string          `json:"app"`
	Act        engawa.Act      `json:"act"`
	Purpose    engawa.Purpose  `json:"purpose"`
	Channel    string          `json:"channel"`
	Topic      string          `json:"topic"`
	Given      bool            `json:"given"`
	At         time.Time       `json:"at"`
	Evidence   engawa.Evidence `json:"evidence"`
}

type listData struct {
	List  string    `json:"list"` // its account
	Plan  string    `json:"plan,omitempty"`
	Mail  string    `json:"mail"`
	Name  string    `json:"name,omitempty"`
	Kana  string    `json:"kana,omitempty"`
	At    time.Time `json:"at"`
	Ended time.Time `json:"ended_at,omitzero"`
}

type subscriptionData struct {
	App      string                   `json:"app"`
	Product  string                   `json:"product"`
	State    engawa.SubscriptionState `json:"state"`
	StartsAt time.Time                `json:"starts_at"`
	EndsAt   time.Time                `json:"ends_at,omitzero"`
}

type purchaseData struct {
	Product  string               `json:"product"`
	Kind     string               `json:"kind"`
	State    engawa.PurchaseState `json:"state"`
	BoughtAt time.Time            `json:"bought_at"`
	EndsAt   time.Time            `json:"ends_at,omitzero"`
	Facts    jsontext.Value       `json:"facts,omitempty"` // all that the store said
}

type noteData struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

type eventData struct {
	ID   string         `json:"id"`
	Type string         `json:"type"`
	At   time.Time      `json:"at"`
	Data jsontext.Value `json:"data,omitempty"`
}

type messageData struct {
	ID      string              `json:"id"`
	At      time.Time           `json:"at"`
	Sender  string              `json:"sender"`
	Purpose engawa.Purpose      `json:"purpose"`
	State   engawa.MessageState `json:"state"`
	Subject string              `json:"subject"`
	Text    string              `json:"text"`
	Why     string              `json:"why"`
}

// data hands the customer's data out. It is a POST though it changes nothing but
// the audit trail: a scanner that follows links must not fetch it.
func (s *Site) data(v *visit) error {
	if err := v.sureOnly(); err != nil {
		return err
	}
	out, err := s.portrait(v)
	if err == nil {
		err = s.Store.Note(v.ctx(), store.Audit{Workspace: v.workspace.ID, Actor: "customer:" + v.customer.ID, Action: "take-own-data", Object: v.customer.ID})
	}
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Content-Disposition", `attachment; filename="my-data-`+out.MadeAt.Format("2006-01-02")+`.json"`)
	v.w.WriteHeader(http.StatusOK)
	writeJSON(v.w, out)
	return nil
}

func writeJSON(w io.Writer, v any) {
	_ = json.MarshalWrite(w, v, jsontext.WithIndent("  "), json.Deterministic(true)) // the reader went away
}

func (s *Site) portrait(v *visit) (Portrait, error) {
	cu, ws := v.customer, v.workspace.ID
	out := Portrait{
		Format: "engawa-portrait-1", MadeAt: time.Now().UTC().Truncate(time.Second), Business: v.Business, ID: cu.ID, Kind: cu.Kind, Name: cu.Name,
		Locale: cu.Locale, Country: cu.Country, Zone: cu.Zone, CreatedAt: cu.CreatedAt.UTC(),
	}
	for _, part := range []func() error{
		func() error {
			ps, err := s.Store.ContactPoints(v.ctx(), ws, cu.ID)
			for _, p := range ps {
				out.ContactPoints = append(out.ContactPoints, pointData{p.ID, p.Kind, p.Address.Reveal(), p.Role, p.Purposes, p.Shared, p.VerifiedAt, p.CreatedAt})
			}
			return err
		},
		func() error {
			ids, err := s.Store.Identities(v.ctx(), ws, cu.ID)
			for _, id := range ids {
				out.Identities = append(out.Identities, identityData{id.Issuer, id.Kind, id.Role})
			}
			return err
		},
		func() error {
			cs, err := s.Store.Consents(v.ctx(), ws, cu.ID)
			for _, c := range cs {
				out.Consents = append(out.Consents, consentData{c.ID, c.Controller, c.App, c.Act, c.Purpose, c.Channel, c.Topic, c.Given, c.At.UTC(), c.Evidence})
			}
			return err
		},
		func() error {
			rs, err := s.Store.Registrations(v.ctx(), ws, cu.ID)
			for _, r := range rs {
				out.MailingLists = append(out.MailingLists, listData{r.Account, r.Plan, r.Mail.Reveal(), r.Name, r.Kana, r.At, r.EndedAt})
			}
			return err
		},
		func() error {
			return pages(func(p store.Page) (int, string, time.Time, error) {
				all, err := s.Store.Subscriptions(v.ctx(), ws, cu.ID, p)
				for _, x := range all {
					out.Subscriptions = append(out.Subscriptions, subscriptionData{x.App, x.Product, x.State, x.StartsAt, x.EndsAt})
				}
				if len(all) == 0 {
					return 0, "", time.Time{}, err
				}
				return len(all), all[len(all)-1].ID, time.Time{}, err
			})
		},
		func() error {
			ps, err := s.Store.PurchasesOf(v.ctx(), ws, cu.ID)
			for _, p := range ps {
				out.Purchases = append(out.Purchases, purchaseData{p.Product, p.Kind, p.State, p.BoughtAt, p.EndsAt, p.Facts})
			}
			return err
		},
		func() error {
			return pages(func(p store.Page) (int, string, time.Time, error) {
				notes, err := s.Store.Notes(v.ctx(), ws, cu.ID, p)
				for _, n := range notes {
					out.Notes = append(out.Notes, noteData{n.CreatedAt, n.Text})
				}
				if len(notes) == 0 {
					return 0, "", time.Time{}, err
				}
				return len(notes), notes[len(notes)-1].ID, notes[len(notes)-1].CreatedAt, err
			})
		},
		func() error {
			return pages(func(p store.Page) (int, string, time.Time, error) {
				evs, err := s.Store.Events(v.ctx(), ws, store.EventFilter{Customer: cu.ID}, p)
				for _, e := range evs {
					out.Events = append(out.Events, eventData{e.ID, e.Type, when(e), jsontext.Value(e.Data)})
				}
				if len(evs) == 0 {
					return 0, "", time.Time{}, err
				}
				return len(evs), evs[len(evs)-1].ID, evs[len(evs)-1].ReceivedAt, err
			})
		},
		func() error { return s.portraitMessages(v, &out) },
	} {
		if err := part(); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (s *Site) portraitMessages(v *visit, out *Portrait) error {
	return pages(func(p store.Page) (int, string, time.Time, error) {
		rows, err := s.Store.Messages(v.ctx(), v.workspace.ID, store.MessageFilter{Customer: v.customer.ID}, p)
		if err != nil || len(rows) == 0 {
			return 0, "", time.Time{}, err
		}
		for _, r := range rows {
			said, err := s.Store.Message(v.ctx(), v.workspace.ID, r.Message.ID)
			if err != nil {
				return 0, "", time.Time{}, err
			}
			m, reason := said.Message, ""
			if last := decided(said); last != nil {
				reason = why(v, *last)
			}
			out.Messages = append(out.Messages, messageData{m.ID, m.CreatedAt.UTC(), m.Partner, m.Purpose, m.State, m.Content.Subject, m.Content.Text, reason})
		}
		last := rows[len(rows)-1].Message
		return len(rows), last.ID, last.CreatedAt, nil
	})
}

// when is when an event happened, as far as anybody knows.
func when(e engawa.Event) time.Time {
	if e.OccurredAt.IsZero() {
		return e.ReceivedAt
	}
	return e.OccurredAt
}

// pages reads a list to its end. read returns how many it got and where the next
// page begins.
func pages(read func(store.Page) (n int, id string, at time.Time, err error)) error {
	p := store.Page{Limit: 200}
	for {
		n, id, at, err := read(p)
		if err != nil || n < p.Limit {
			return err
		}
		p.ID, p.At = id, at
	}
}
