package csv

import "encoding/json"

// Over lays what a member is told of now over what was told before: an empty
// value says nothing, so that the one before stays.
func (m Member) Over(before Member) Member {
	out := before
	out.Number = m.Number
	set(&out.Name, m.Name)
	set(&out.Locale, m.Locale)
	set(&out.Country, m.Country)
	set(&out.Mail, m.Mail)
	set(&out.Phone, m.Phone)
	return out
}

func set[S ~string](to *S, v S) {
	if v != "" {
		*to = v
	}
}

// Changed names what of a member is told otherwise than before.
func (m Member) Changed(before Member) (names []string) {
	now := m.Over(before)
	for _, x := range []struct {
		name      string
		now, then string
	}{
		{"name", now.Name, before.Name},
		{"email", now.Mail.Reveal(), before.Mail.Reveal()},
		{"phone", now.Phone.Reveal(), before.Phone.Reveal()},
		{"language", string(now.Locale), string(before.Locale)},
		{"country", now.Country, before.Country},
	} {
		if x.now != x.then {
			names = append(names, x.name)
		}
	}
	return names
}

// Over is a contract with what was told of it before where the file says nothing now.
func (c Contract) Over(before Contract) Contract {
	set(&before.Plan, c.Plan)
	set(&before.Starts, c.Starts)
	before.ID, before.State, before.Ends = c.ID, c.State, c.Ends
	return before
}

// over reports whether a contract of this state is not running and will not by itself.
func (s State) over() bool { return s == Terminated || s == Canceled }

// Running reports whether the customer has the contract, suspended or not.
func (s State) Running() bool { return s == Active || s == Suspended || s == Reserved }

// Told returns the types of events that tell how a contract came from before to
// now. One that was not known before began, unless it is over already: of that
// nobody need be told.
func Told(before *Contract, now Contract) (types []string) {
	was := Pending
	if before != nil {
		was = before.State
	}
	if now.State == was && (was != Reserved || before.Ends == now.Ends) {
		return nil
	}
	if now.State.Running() && !was.Running() {
		types, was = append(types, "contract.started"), Active
	}
	switch {
	case now.State == Active && was == Suspended:
		types = append(types, "contract.resumed")
	case now.State == Active && was == Reserved:
		types = append(types, "contract.termination.withdrawn")
	case now.State == Suspended && was != Suspended:
		types = append(types, "contract.suspended")
	case now.State == Reserved:
		types = append(types, "contract.termination.reserved")
	case now.State == Terminated && before != nil && !was.over():
		types = append(types, "contract.terminated")
	case now.State == Canceled && before != nil && !was.over():
		types = append(types, "contract.cancelled")
	}
	return types
}

// member and contract are what the catalogue calls m and c.
type (
	member struct {
		ID    string `json:"id"`
		Name  string `json:"name,omitempty"`
		Email string `json:"email,omitempty"`
	}
	contract struct {
		ID     string `json:"id"`
		Name   string `json:"name,omitempty"`
		Status State  `json:"status"`
		Starts string `json:"started_on,omitempty"`
		Ends   string `json:"period_ends_on,omitempty"`
	}
	told struct {
		M         member    `json:"m"`
		C         *contract `json:"c,omitempty"`
		Effective string    `json:"effective_on,omitempty"`
		Ended     string    `json:"ended_on,omitempty"`
		Cause     string    `json:"cause,omitempty"`
		Changed   []string  `json:"changed,omitempty"`
	}
)

// Data is the data of an event of a type that Told returned, or of
// member.registered and member.updated, whose changes are named.
func Data(typ string, m Member, before, now *Contract, changed []string) ([]byte, error) {
	d := told{M: member{m.Number, m.Name, m.Mail.Reveal()}, Changed: changed}
	if now != nil {
		d.C = &contract{now.ID, now.Plan, now.State, now.Starts, now.Ends}
	}
	switch typ {
	case "contract.termination.reserved":
		d.Effective = now.Ends
	case "contract.terminated":
		d.Ended = now.Ends
		if before != nil && before.State == Reserved {
			d.Cause = "reserved"
		}
	}
	return json.Marshal(d)
}

// Keep is a contract as it is remembered.
func (c Contract) Keep() ([]byte, error) { return json.Marshal(c) }

// RememberedContract reads what Contract.Keep wrote.
func RememberedContract(b []byte) (c Contract, err error) { return c, json.Unmarshal(b, &c) }
