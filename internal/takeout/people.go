package takeout

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strconv"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

// people are the files for people: customers, consents and messages as
// spreadsheets open them, in the workspace's zone.
type people struct {
	zone      *time.Location
	names     map[string]string // by customer
	addresses map[string]string // by customer, "mail: a@…; line: …"
}

func newPeople() *people {
	return &people{zone: time.UTC, names: map[string]string{}, addresses: map[string]string{}}
}

// told is what the files for people show of a row of any of their kinds.
type told struct {
	ID       string     `json:"id"`
	Zone     string     `json:"zone"`
	Customer string     `json:"customer"`
	Kind     string     `json:"kind"`
	Name     string     `json:"name"`
	Address  string     `json:"address"`
	Locale   string     `json:"locale"`
	Country  string     `json:"country"`
	Minor    bool       `json:"minor"`
	Created  *time.Time `json:"created_at"`
	Erased   *time.Time `json:"erased_at"`
	Ended    *time.Time `json:"ended_at"`
	Merged   string     `json:"merged_into"`

	Controller string     `json:"controller"`
	App        string     `json:"app"`
	Act        string     `json:"act"`
	Purpose    string     `json:"purpose"`
	Channel    string     `json:"channel"`
	Topic      string     `json:"topic"`
	Given      bool       `json:"given"`
	Pending    bool       `json:"pending"`
	At         *time.Time `json:"at"`
	Evidence   struct {
		Wording, Version, Where, How string
	} `json:"evidence"`

	Destination string `json:"destination"`
	State       string `json:"state"`
	Outcome     string `json:"outcome"`
	Gate        string `json:"gate"`
	Words       struct {
		Content struct{ Subject, Text string }
	} `json:"words"`
}

// note keeps what rows of other kinds are to say.
func (p *people) note(kind string, line []byte) error {
	if kind != "workspace" && kind != "customers" && kind != "contact-points" {
		return nil
	}
	var r told
	if err := json.Unmarshal(line, &r); err != nil {
		return err
	}
	switch {
	case kind == "workspace":
		if zone, err := engawa.Zone(r.Zone); err == nil {
			p.zone = zone
		}
	case kind == "customers":
		p.names[r.ID] = r.Name
	case r.Ended == nil:
		before := p.addresses[r.Customer]
		if before != "" {
			before += "; "
		}
		p.addresses[r.Customer] = before + r.Kind + ": " + r.Address
	}
	return nil
}

// table is one file for people.
type table struct {
	kind string
	head []string
	row  func(told) []string
}

func (p *people) tables() []table {
	return []table{
		{
			"customers",
			[]string{"id", "kind", "name", "addresses", "locale", "country", "minor", "created_at", "erased_at", "merged_into"},
			func(r told) []string {
				return []string{r.ID, r.Kind, r.Name, p.addresses[r.ID], r.Locale, r.Country, strconv.FormatBool(r.Minor), p.time(r.Created), p.time(r.Erased), r.Merged}
			},
		},
		{
			"consents",
			[]string{"customer", "name", "given", "pending", "at", "act", "purpose", "channel", "topic", "controller", "app", "wording", "version", "where", "how"},
			func(r told) []string {
				e := r.Evidence
				return []string{r.Customer, p.names[r.Customer], strconv.FormatBool(r.Given), strconv.FormatBool(r.Pending), p.time(r.At), r.Act, r.Purpose, r.Channel, r.Topic, r.Controller, r.App, e.Wording, e.Version, e.Where, e.How}
			},
		},
		{
			"messages",
			[]string{"id", "created_at", "customer", "name", "destination", "purpose", "state", "outcome", "gate", "subject", "text"},
			func(r told) []string {
				return []string{r.ID, p.time(r.Created), r.Customer, p.names[r.Customer], r.Destination, r.Purpose, r.State, r.Outcome, r.Gate, r.Words.Content.Subject, r.Words.Content.Text}
			},
		},
	}
}

func (p *people) time(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.In(p.zone).Format(time.DateTime)
}

// write writes the files. Each is in memory: spreadsheets open no larger ones.
func (p *people) write(k *store.Taking, w *writer) error {
	for _, x := range p.tables() {
		var file bytes.Buffer
		file.WriteString("\ufeff") // by which spreadsheets in Japanese and Korean know UTF-8
		out := csv.NewWriter(&file)
		out.UseCRLF = true
		n := 0
		put := func(row []string) error {
			for i := range row {
				row[i] = text.Cell(row[i])
			}
			return out.Write(row)
		}
		if err := put(x.head); err != nil {
			return err
		}
		err := k.Each(x.kind, func(line []byte) error {
			var r told
			if err := json.Unmarshal(line, &r); err != nil {
				return err
			}
			n++
			return put(x.row(r))
		})
		out.Flush()
		if err != nil {
			return err
		}
		if err := w.file(File{Name: folder + "people/" + x.kind + ".csv", Rows: n}, file.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
