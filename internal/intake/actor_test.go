package intake

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/engawa/engawa"
)

// TestActor: who caused an event is read from our own form, from a CloudEvent's
// attribute in each of its forms, and where neither says from the data; what is
// no actor of ours in a CloudEvent is the sender's own, and kept.
func TestActor(t *testing.T) {
	cloud := map[string]string{"Content-Type": "application/cloudevents+json"}
	for name, c := range map[string]struct {
		h        map[string]string
		body     string
		want     engawa.Actor
		links    map[string]string
		original bool
		bad      string
	}{
		"own":              {body: `"actor":{"type":"customer","id":"123"},"links":{"contract":"https://shop.example/c/456"}`, want: engawa.Actor{Type: "customer", ID: "123"}, links: map[string]string{"contract": "https://shop.example/c/456"}},
		"without an id":    {body: `"actor":{"type":"partner"}`, want: engawa.Actor{Type: "partner"}},
		"in the data":      {body: `"data":{"actor":"admin"}`, want: engawa.Actor{Type: "admin"}},
		"both":             {body: `"actor":{"type":"system"},"data":{"actor":"admin"}`, want: engawa.Actor{Type: "system"}},
		"a name":           {body: `"data":{"actor":"佐藤"}`},
		"another thing":    {body: `"data":{"actor":{"type":"admin"}}`},
		"nobody":           {body: `"data":{}`},
		"cloud":            {h: cloud, body: `"specversion":"1.0","source":"/s","actor":"customer:123"`, want: engawa.Actor{Type: "customer", ID: "123"}, original: true},
		"cloud, type":      {h: cloud, body: `"specversion":"1.0","source":"/s","actor":"system"`, want: engawa.Actor{Type: "system"}, original: true},
		"cloud, its own":   {h: cloud, body: `"specversion":"1.0","source":"/s","actor":7,"links":3`, original: true},
		"a text":           {body: `"actor":"customer"`, bad: "/actor"},
		"more of an actor": {body: `"actor":{"type":"customer","name":"x"}`, bad: "/actor"},
		"another type":     {body: `"actor":{"type":"member"}`, bad: "/actor/type"},
		"no type":          {body: `"actor":{"id":"1"}`, bad: "/actor/type"},
		"a long id":        {body: `"actor":{"type":"admin","id":"` + strings.Repeat("顧", 65) + `"}`, bad: "/actor/id"},
		"an address":       {body: `"actor":{"type":"admin","id":"a@b.example"}`, bad: "/actor/id"},
		"links in a list":  {body: `"links":["https://a.example"]`, bad: "/links"},
		"a link's name":    {body: `"links":{"The contract":"https://a.example"}`, bad: "/links"},
		"http":             {body: `"links":{"a":"http://a.example"}`, bad: "/links/a"},
		"a script":         {body: `"links":{"a":"javascript:alert(1)"}`, bad: "/links/a"},
		"no host":          {body: `"links":{"a":"https:///x"}`, bad: "/links/a"},
		"a password":       {body: `"links":{"a":"https://u:p@a.example"}`, bad: "/links/a"},
		"a mail address":   {body: `"links":{"a":"https://a.example/?m=hana%40customer.example"}`, bad: "/links/a"},
		"a long link":      {body: `"links":{"a":"https://a.example/` + strings.Repeat("x", 1024) + `"}`, bad: "/links/a"},
		"nine links":       {body: `"links":{"a":"","b":"","c":"","d":"","e":"","f":"","g":"","h":"","i":""}`, bad: "/links"},
	} {
		h := http.Header{}
		for k, v := range c.h {
			h.Set(k, v)
		}
		evs, _, err := read(h, []byte(`{"id":"1","type":"a.b",`+c.body+`}`))
		if c.bad != "" {
			checkRefused(t, err, c.bad, "")
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if evs[0].CausedBy() != c.want || !maps.Equal(evs[0].Links, c.links) || (len(evs[0].Raw) > 0) != c.original {
			t.Errorf("%s: %+v %v, original %q", name, evs[0].CausedBy(), evs[0].Links, evs[0].Raw)
		}
	}
	binary := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/s"}, "Ce-Type": {"a.b"}, "Ce-Actor": {"customer:%31"}}
	evs, _, err := read(binary, []byte(`{}`))
	if err != nil || evs[0].Actor != (engawa.Actor{Type: "customer", ID: "1"}) {
		t.Errorf("binary: %+v %v", evs, err)
	}
}
