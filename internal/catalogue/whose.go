package catalogue

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/engawa/engawa"
)

// Introduces reports whether an event of a type may make its customer: one of the
// business's own systems may, of a type that nobody listed too. What became of a
// mail, what a store says and what the hub itself tells are about customers whom
// somebody has introduced, and who was deleted is not to come back by that news.
func Introduces(typ string) bool {
	t, listed := Find(typ)
	return !listed || t.Kind == Business && typ != "member.deleted"
}

// Limits of what is taken over: as POST /v1/customers and /v1/events have them.
const (
	maxName     = 200
	maxIdentity = 512
)

// Whose says by which identities the customer of an event is known, and what the
// event tells of a customer who may be new: name and mail address as they stand in
// data.m, the address not checked, and not proved unless data.m.email_verified says so.
// An event of a listed type that names nobody itself is about the member of the number
// in data.m.id. newcomer is nil where the event tells of nobody. Of what a channel tells
// it is as its adapter says: who adds an account on LINE, or writes to it, is met there.
func Whose(e engawa.Event) (ids []engawa.Identity, newcomer *engawa.Newcomer) {
	t, listed := Find(e.Type)
	if listed && t.Kind != Business {
		return e.Identities, e.Newcomer
	}
	if !listed && e.Customer == "" && len(e.Identities) == 0 {
		return nil, nil
	}
	var told struct {
		M struct {
			ID     string `json:"id"`
			Name   string `json:"name"`
			Email  string `json:"email"`
			Proved bool   `json:"email_verified"`
		} `json:"m"`
	}
	if json.Unmarshal(e.Data, &told) != nil {
		return e.Identities, nil // m means something else in a type of the business's own
	}
	m := told.M
	ids = e.Identities
	if n := utf8.RuneCountInString(m.ID); listed && e.Customer == "" && len(ids) == 0 && n > 0 && n <= maxIdentity {
		ids = []engawa.Identity{{Issuer: "business", Kind: "member_number", Value: m.ID}}
	}
	newcomer = &engawa.Newcomer{Name: Name(m.Name), Mail: engawa.Address(m.Email), Proved: m.Proved, Find: !Introduces(e.Type)}
	return ids, newcomer
}

// Name is a name as a customer has it: on one line, of 200 letters at most; any
// other is none.
func Name(name string) string {
	name = strings.TrimSpace(name)
	if utf8.RuneCountInString(name) > maxName || strings.ContainsFunc(name, unicode.IsControl) {
		return ""
	}
	return name
}
