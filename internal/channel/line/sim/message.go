package sim

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
)

// The sizes of messages. Texts are counted in UTF-16 units.
const (
	maxMessages  = 5
	maxText      = 5000
	maxAlt       = 1500
	maxData      = 300
	maxLabel     = 20
	maxURI       = 1000
	maxQuick     = 13
	maxBubble    = 30 << 10
	maxCarousel  = 50 << 10
	maxBubbles   = 12
	maxColumns   = 10
	maxMediaURL  = 2000
	maxPlaceText = 100
)

func units(s string) int { return len(utf16.Encode([]rune(s))) }

// checker collects what is wrong with messages.
type checker struct {
	of    *account
	found []detail
}

func (k *checker) say(message, property string) {
	k.found = append(k.found, detail{message, property})
}

// text wants a text of 1 to most units.
func (k *checker) text(m map[string]any, at, name string, most int) {
	v, ok := m[name].(string)
	switch {
	case !ok || v == "":
		k.found = append(k.found, empty(at+name))
	case units(v) > most:
		k.found = append(k.found, between(at+name, 0, most))
	}
}

// link wants an address that begins with one of the schemes.
func (k *checker) link(m map[string]any, at, name string, most int, schemes ...string) {
	k.text(m, at, name, most)
	v, _ := m[name].(string)
	if u, err := url.Parse(v); v != "" && (err != nil || !slices.Contains(schemes, u.Scheme)) {
		k.say("invalid uri", at+name)
	}
}

// messages checks 1 to 5 message objects.
func (k *checker) messages(list []json.RawMessage) {
	if len(list) < 1 || len(list) > maxMessages {
		k.found = append(k.found, between("messages", 1, maxMessages))
		return
	}
	for i, raw := range list {
		var m map[string]any
		if json.Unmarshal(raw, &m) != nil || m == nil {
			k.say("must be an object", fmt.Sprintf("messages[%d]", i))
			continue
		}
		k.message(m, fmt.Sprintf("messages[%d].", i), raw)
	}
}

func (k *checker) message(m map[string]any, at string, raw json.RawMessage) {
	switch kind, _ := m["type"].(string); kind {
	case "text", "textV2":
		k.text(m, at, "text", maxText)
	case "sticker":
		k.text(m, at, "packageId", maxLabel)
		k.text(m, at, "stickerId", maxLabel)
	case "image", "video":
		k.link(m, at, "originalContentUrl", maxMediaURL, "https")
		k.link(m, at, "previewImageUrl", maxMediaURL, "https")
	case "audio":
		k.link(m, at, "originalContentUrl", maxMediaURL, "https")
		k.number(m, at, "duration")
	case "location":
		k.text(m, at, "title", maxPlaceText)
		k.text(m, at, "address", maxPlaceText)
		k.number(m, at, "latitude")
		k.number(m, at, "longitude")
	case "imagemap":
		k.text(m, at, "altText", maxAlt)
		k.link(m, at, "baseUrl", maxMediaURL, "https")
	case "template":
		k.text(m, at, "altText", maxAlt)
		t, _ := m["template"].(map[string]any)
		k.template(t, at+"template.")
	case "flex":
		k.text(m, at, "altText", maxAlt)
		k.flex(m["contents"], at+"contents")
	case "coupon":
		k.text(m, at, "couponId", maxURI)
		if id, _ := m["couponId"].(string); id != "" && k.of.coupon(id) == nil {
			k.say("invalid coupon", at+"couponId")
		}
	case "":
		k.say("must be specified", at+"type")
	default:
		k.say("must be one of the following values: text, textV2, sticker, image, video, audio, location, imagemap, template, flex, coupon", at+"type")
	}
	if quick, ok := m["quickReply"].(map[string]any); ok {
		if items, _ := quick["items"].([]any); len(items) < 1 || len(items) > maxQuick {
			k.found = append(k.found, between(at+"quickReply.items", 1, maxQuick))
		}
	}
	for _, a := range actionsIn(m) {
		k.action(a, at)
	}
	_ = raw
}

func (k *checker) number(m map[string]any, at, name string) {
	if _, ok := m[name].(float64); !ok {
		k.say("must be specified", at+name)
	}
}

// list wants so many things of a kind.
func (k *checker) list(m map[string]any, at, name string, low, high int) []any {
	items, _ := m[name].([]any)
	if len(items) < low || len(items) > high {
		k.found = append(k.found, between(at+name, low, high))
	}
	return items
}

func (k *checker) template(t map[string]any, at string) {
	image, _ := t["thumbnailImageUrl"].(string)
	title, _ := t["title"].(string)
	most := 160
	if image != "" || title != "" {
		most = 60
	}
	switch kind, _ := t["type"].(string); kind {
	case "buttons":
		k.text(t, at, "text", most)
		k.list(t, at, "actions", 1, 4)
	case "confirm":
		k.text(t, at, "text", 240)
		k.list(t, at, "actions", 2, 2)
	case "carousel":
		for i, c := range k.list(t, at, "columns", 1, maxColumns) {
			column, _ := c.(map[string]any)
			where := fmt.Sprintf("%scolumns[%d].", at, i)
			k.text(column, where, "text", 120)
			k.list(column, where, "actions", 1, 3)
		}
	case "image_carousel":
		for i, c := range k.list(t, at, "columns", 1, maxColumns) {
			column, _ := c.(map[string]any)
			k.link(column, fmt.Sprintf("%scolumns[%d].", at, i), "imageUrl", maxMediaURL, "https")
		}
	default:
		k.say("must be specified", at+"type")
	}
}

func (k *checker) flex(contents any, at string) {
	c, _ := contents.(map[string]any)
	switch kind, _ := c["type"].(string); kind {
	case "bubble":
		k.size(c, at, maxBubble)
	case "carousel":
		for i, b := range k.list(c, at+".", "contents", 1, maxBubbles) {
			k.size(b, fmt.Sprintf("%s.contents[%d]", at, i), maxBubble)
		}
		k.size(c, at, maxCarousel)
	default:
		k.say("must be specified", at+".type")
	}
}

func (k *checker) size(v any, at string, most int) {
	if b, _ := json.Marshal(v); len(b) > most {
		k.say(fmt.Sprintf("must not be greater than %d bytes", most), at)
	}
}

// action checks one action, wherever it is in a message.
func (k *checker) action(a map[string]any, at string) {
	at += "action."
	if label, ok := a["label"].(string); ok && units(label) > maxLabel*2 {
		k.found = append(k.found, between(at+"label", 0, maxLabel))
	}
	switch kind, _ := a["type"].(string); kind {
	case "postback":
		k.text(a, at, "data", maxData)
	case "message":
		k.text(a, at, "text", maxData)
	case "uri":
		k.link(a, at, "uri", maxURI, "http", "https", "line", "tel")
	case "datetimepicker":
		k.text(a, at, "data", maxData)
	case "richmenuswitch":
		k.text(a, at, "richMenuAliasId", 32)
		k.text(a, at, "data", maxData)
	case "clipboard":
		k.text(a, at, "clipboardText", maxURI)
	case "camera", "cameraRoll", "location":
	default:
		k.say("must be specified", at+"type")
	}
}

// actionsIn finds the actions of a message, in the order in which they are seen.
func actionsIn(v any) []map[string]any {
	var out []map[string]any
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			for _, name := range []string{"hero", "header", "body", "contents", "footer", "template", "columns", "areas", "quickReply", "items"} {
				walk(v[name])
			}
			for _, name := range []string{"action", "defaultAction"} {
				if a, ok := v[name].(map[string]any); ok {
					out = append(out, a)
				}
			}
			if list, ok := v["actions"].([]any); ok {
				for _, a := range list {
					if a, ok := a.(map[string]any); ok {
						out = append(out, a)
					}
				}
			}
		}
	}
	walk(v)
	return out
}

// show is a message as the telephone shows it.
func show(id, kind string, raw json.RawMessage) *Message {
	var m map[string]any
	_ = json.Unmarshal(raw, &m) // it was checked
	out := &Message{ID: id, Kind: kind, Raw: raw}
	out.Text, _ = m["text"].(string)
	if t, ok := m["template"].(map[string]any); ok && out.Text == "" {
		out.Text, _ = t["text"].(string)
	}
	if alt, _ := m["altText"].(string); out.Text == "" {
		out.Text = alt
	}
	if out.Text == "" {
		name, _ := m["type"].(string)
		out.Text = "[" + name + "]"
	}
	for _, a := range actionsIn(m) {
		var shown Action
		b, _ := json.Marshal(a)
		if json.Unmarshal(b, &shown) == nil {
			out.Actions = append(out.Actions, shown)
		}
	}
	return out
}

// links are the addresses that a chat line shows or leads to.
func (m *Message) links() []string {
	var out []string
	for word := range strings.FieldsSeq(m.Text) {
		if strings.HasPrefix(word, "https://") || strings.HasPrefix(word, "http://") {
			out = append(out, word)
		}
	}
	for _, a := range m.Actions {
		if a.Type == "uri" {
			out = append(out, a.URI)
		}
	}
	return out
}
