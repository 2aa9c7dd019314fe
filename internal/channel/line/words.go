package line

import (
	"regexp"
	"strings"
	"unicode/utf16"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/chat"
)

const (
	maxObjects = 5    // of one push
	maxText    = 5000 // UTF-16 units of one text
)

// object is a text message (https://developers.line.biz/en/reference/messaging-api/#text-message).
// LINE makes links in it by itself.
type object struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// objects are p's words, in as many texts as they take. LINE knows no subject: it
// stands above the words, but for an advertisement, whose label must come first.
// What is too long is not cut: the way to refuse stands at its end.
func objects(p engawa.Parcel) ([]object, *channel.SendError) {
	words := strings.TrimSpace(chat.Tame(p.Content.Text))
	if p.Content.Subject != "" && p.Purpose.Class() != engawa.Marketing {
		words = strings.TrimSpace(chat.Tame(p.Content.Subject) + "\n\n" + words)
	}
	var out []object
	for _, part := range parts(words) {
		out = append(out, object{"text", part})
	}
	switch {
	case len(out) == 0:
		return nil, &channel.SendError{Class: channel.Rejected, Code: "empty"}
	case len(out) > maxObjects:
		return nil, &channel.SendError{Class: channel.Rejected, Code: "too_long"}
	}
	return out, nil
}

// parts splits words into texts that LINE takes: at the end of a line where there
// is one, else at a space, and never inside a link.
func parts(words string) (out []string) {
	for words != "" {
		n := fits(words)
		part := strings.TrimRight(words[:n], "\n ")
		words = strings.TrimLeft(words[n:], "\n ")
		if part != "" {
			out = append(out, part)
		}
	}
	return out
}

var link = regexp.MustCompile(`https?://[^\s<>"]+`)

// fits is how many bytes of words go into one text.
func fits(words string) int {
	units, end, line, space := 0, len(words), 0, 0
	for i, r := range words {
		if units += max(1, utf16.RuneLen(r)); units > maxText {
			end = i
			break
		}
		switch r {
		case '\n':
			line = i + 1
		case ' ', '　':
			space = i + len(string(r))
		}
	}
	if end == len(words) {
		return end
	}
	for _, cut := range []int{line, space} {
		if cut > end/2 {
			return cut
		}
	}
	for _, at := range link.FindAllStringIndex(words, -1) {
		if at[0] > 0 && at[0] < end && end < at[1] {
			return at[0]
		}
	}
	return end
}
