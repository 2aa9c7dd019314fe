package intake

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
)

// Limits of who caused an event and of its links.
const (
	maxActorID = 64
	maxLinks   = 8
	maxLink    = 1024
)

// linkName is the word by which a link is found in a template: {{event.links.contract}}.
var linkName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// envelope reads who caused an event in our own form, and its links.
func (p Posted) envelope(e *engawa.Event) error {
	if p.Actor != nil {
		if err := json.Unmarshal(p.Actor, &e.Actor, json.RejectUnknownMembers(true)); err != nil {
			return engawa.Invalid("/actor", `write {"type": "customer", "id": "123"}`, "this is nobody who can have caused an event")
		}
		if err := checkActor(e.Actor); err != nil {
			return err
		}
	}
	if p.Links != nil {
		if err := json.Unmarshal(p.Links, &e.Links); err != nil {
			return engawa.Invalid("/links", `write {"contract": "https://…"}`, "these are no links by name")
		}
	}
	return checkLinks(e.Links)
}

func checkActor(a engawa.Actor) error {
	if !slices.Contains(engawa.ActorTypes, a.Type) {
		return engawa.Invalid("/actor/type", "write one of "+strings.Join(engawa.ActorTypes, ", "), "%q causes no event", short(a.Type))
	}
	if n := runes(a.ID); n > maxActorID || strings.Contains(a.ID, "@") {
		return engawa.Invalid("/actor/id", "give an id of at most 64 characters, and no mail address", "the id has %d characters or is an address", n)
	}
	return nil
}

func checkLinks(links map[string]string) error {
	if len(links) > maxLinks {
		return engawa.Invalid("/links", "give 8 at most", "there are %d links", len(links))
	}
	for name, link := range links {
		u, err := url.Parse(link)
		switch {
		case !linkName.MatchString(name):
			return engawa.Invalid("/links", "name a link by one lower-case word, such as contract", "%q names no link", short(name))
		case err != nil || u.Scheme != "https" || u.Host == "" || len(link) > maxLink:
			return engawa.Invalid("/links/"+name, "give an https URL of at most 1024 characters", "this is no link that could be shown")
		case strings.Contains(link, "@") || strings.Contains(strings.ToLower(link), "%40"):
			return engawa.Invalid("/links/"+name, "link by an id", "a mail address seems to stand in the link")
		}
	}
	return nil
}

// cloudActor is who a CloudEvent says caused it, in the extension attribute
// actor: a text, as the attributes are (spec §3.1), "customer" or "customer:123".
// Any other use of the name is the sender's own.
func (p Posted) cloudActor() engawa.Actor {
	var text string
	if p.Actor == nil || json.Unmarshal(p.Actor, &text) != nil {
		return engawa.Actor{}
	}
	kind, id, _ := strings.Cut(text, ":")
	a := engawa.Actor{Type: kind, ID: id}
	if checkActor(a) != nil {
		return engawa.Actor{}
	}
	return a
}
