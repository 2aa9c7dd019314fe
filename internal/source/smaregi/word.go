package smaregi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// Word is what Smaregi says of a contract: in a notice, or as the list of users has it.
type Word struct {
	Contract, Event, Action, Client string
	Day                             string // 2026-11-30, in Japan; empty: none was said
	Plan                            string // its name; empty: none was said
	Options                         []string
	Digest                          string // the same for the same words
	Recovered                       bool   // no notice said it: the list did
}

// japan is where Smaregi's days are counted. (It has had no summer time since 1951.)
var japan = time.FixedZone("Asia/Tokyo", 9*60*60)

// contractID is what is taken for the id of a contract.
var contractID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

// Read reads a notice leniently: numbers may be texts and texts numbers, and members
// that are not needed may be anything.
func Read(body []byte) (Word, error) {
	var in map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // a contract's id may be a number that a float would bend
	if err := d.Decode(&in); err != nil {
		return Word{}, engawa.Invalid("", "let Smaregi's notices of contracts (AppSubscription) come here", "the body is not a JSON object")
	}
	w := Word{
		Contract: text(in["contractId"]), Event: text(in["event"]), Action: text(in["action"]), Client: text(in["clientId"]), Plan: named(in["plan"]),
	}
	if !contractID.MatchString(w.Contract) {
		return Word{}, engawa.Invalid("/contractId", "let Smaregi's notices of contracts (AppSubscription) come here", "the notice names no contract")
	}
	w.Day = day(text(in["date"]))
	options, _ := in["options"].([]any)
	for _, o := range options {
		if name := named(o); name != "" && len(w.Options) < 100 {
			w.Options = append(w.Options, name)
		}
	}
	w.Digest = digest(in)
	return w, nil
}

// digest is the same for the same members in whatever order and spacing.
func digest(in map[string]any) string {
	text, err := json.Marshal(in)
	if err != nil {
		panic(err) // it was read from JSON
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// maxText bounds a text of a notice, in bytes.
const maxText = 200

func text(v any) string {
	var s string
	switch v := v.(type) {
	case string:
		s = strings.TrimSpace(strings.ReplaceAll(v, "\x00", "")) // which PostgreSQL refuses in a text
	case json.Number:
		s = v.String()
	}
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

// named is the name of a plan or an option: an object's, or the text itself.
func named(v any) string {
	if o, ok := v.(map[string]any); ok {
		v = o["name"]
	}
	return text(v)
}

// day is the day that a date or a time begins with.
func day(s string) string {
	if len(s) < len(time.DateOnly) {
		return ""
	}
	s = strings.ReplaceAll(s[:len(time.DateOnly)], "/", "-")
	at, err := time.Parse(time.DateOnly, s)
	if err != nil || at.Year() < 2000 || at.Year() > 2100 {
		return ""
	}
	return s
}

// at is the beginning of the word's day; zero: none was said.
func (w Word) at() time.Time { return dayBegins(w.Day) }

func dayBegins(day string) time.Time {
	at, err := time.ParseInLocation(time.DateOnly, day, japan)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// Today is the day in Japan at an instant.
func Today(now time.Time) string { return now.In(japan).Format(time.DateOnly) }

// Found is a word that no notice said: the list did, on a day.
func Found(contract, action, plan, day string) Word {
	return Word{Contract: contract, Event: subscription, Action: action, Plan: plan, Day: day, Digest: "list/" + action + "/" + plan + "/" + day, Recovered: true}
}
