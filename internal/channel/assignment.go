package channel

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/engawa/engawa"
)

// Assignment is a place where a message becomes a task: for whom, and due how
// many days after the message was made (0: whenever). As an address it reads
// "7001/tasks?days=3&to=11,12".
type Assignment struct {
	Place engawa.Address
	To    []string
	Days  int
}

// Format names the assignment without its place and people, whatever the verb.
func (a Assignment) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "assignment for %d people", len(a.To))
}

// MaxDays is the longest time that a task may be given.
const MaxDays = 365

const assigned = "/tasks?"

// Address is the assignment as the address of a destination: the same for the
// same people in any order.
func (a Assignment) Address() engawa.Address {
	to := slices.Compact(slices.Sorted(slices.Values(a.To)))
	return engawa.Address(a.Place.Reveal() + assigned + "days=" + strconv.Itoa(a.Days) + "&to=" + strings.Join(to, ","))
}

// ReadAssignment reads an address as an assignment; ok is false for the address
// of a plain place. The people are only split, not checked.
func ReadAssignment(at engawa.Address) (a Assignment, ok bool) {
	place, rest, ok := strings.Cut(at.Reveal(), assigned)
	if !ok {
		return Assignment{}, false
	}
	q, err := url.ParseQuery(rest)
	if err != nil {
		return Assignment{}, false
	}
	a = Assignment{Place: engawa.Address(place), To: strings.FieldsFunc(q.Get("to"), func(r rune) bool { return r == ',' })}
	if d := q.Get("days"); d != "" {
		if a.Days, err = strconv.Atoi(d); err != nil || a.Days < 0 || a.Days > MaxDays {
			return Assignment{}, false
		}
	}
	return a, true
}
