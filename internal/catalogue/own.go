package catalogue

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/engawa/engawa"
)

// typeName is lower-case words joined by dots: "contract.terminated".
var typeName = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+){1,7}$`)

// reserved begin the types of sources that verify what they say.
var reserved = []string{"store.", "stripe.", "smaregi.", "chatwork."}

// OwnType checks a type that a workspace makes and returns it as the catalogue
// shows it. Its group is that of its name, since routes go by names. The error
// is an *engawa.Error.
func OwnType(e engawa.EventType) (Type, error) {
	if err := CheckName(e.Type); err != nil {
		return Type{}, err
	}
	s, err := ParseSchema(e.Schema)
	if err != nil {
		return Type{}, engawa.Within("/schema", err)
	}
	for _, l := range engawa.Locales {
		if n := utf8.RuneCountInString(strings.TrimSpace(e.Names[l])); n < 1 || n > 80 || strings.ContainsAny(e.Names[l], "\r\n{}") {
			return Type{}, engawa.Invalid("/names/"+string(l), "say in 1 to 80 characters on one line what happened, in each of ja, ko and en", "the name has %d characters", n)
		}
	}
	if len(e.Sample) > maxSample {
		return Type{}, engawa.Invalid("/sample", "shorten it", "the sample has %d bytes; %d are allowed", len(e.Sample), maxSample)
	}
	if err := s.Check(e.Sample); err != nil {
		return Type{}, engawa.Within("/sample", err)
	}
	return Type{Name: e.Type, Kind: Own, OptIn: true, Schema: s, Sample: e.Sample, Names: e.Names}, nil
}

// OwnTypes are the types that a workspace made, as the catalogue shows them.
func OwnTypes(made []engawa.EventType) ([]Type, error) {
	own := make([]Type, len(made))
	for i, e := range made {
		var err error
		if own[i], err = OwnType(e); err != nil {
			return nil, err
		}
	}
	return own, nil
}

// CheckName says whether a workspace may make a type of that name.
func CheckName(name string) error {
	if !typeName.MatchString(name) || len(name) > 120 {
		return engawa.Invalid("/type", `write lower-case words joined by dots, such as "shop.order.shipped"`, "this is not the name of an event type")
	}
	if _, ok := Find(name); ok {
		return engawa.Invalid("/type", "choose another name; the catalogue's own types are as they are", "%s is a type of the catalogue", name)
	}
	for _, head := range reserved {
		if strings.HasPrefix(name, head) {
			return engawa.Invalid("/type", "choose another first word", "types that begin with %s come from their source alone", head)
		}
	}
	return nil
}
