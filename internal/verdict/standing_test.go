package verdict

import (
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/engawa/engawa"
)

// mapFS is files by name.
type mapFS map[string]string

// Open opens a file.
func (m mapFS) Open(name string) (fs.File, error) {
	files := fstest.MapFS{}
	for n, text := range m {
		files[n] = &fstest.MapFile{Data: []byte(text)}
	}
	return files.Open(name)
}

// TestStanding is the table of which decision counts. Scopes are written as
// the dimensions they name; the message is app a, channel mail, topic t.
func TestStanding(t *testing.T) {
	type decision struct {
		given bool
		scope string
		at    int // hours
	}
	const yes, no = true, false
	for name, tc := range map[string]struct {
		history []decision
		want    bool
	}{
		"nothing":                             {nil, no},
		"given":                               {[]decision{{yes, "", 1}}, yes},
		"given for the topic":                 {[]decision{{yes, "t", 1}}, yes},
		"given for another topic":             {[]decision{{yes, "u", 1}}, no},
		"withdrawn later":                     {[]decision{{yes, "", 1}, {no, "", 2}}, no},
		"withdrawn at once":                   {[]decision{{yes, "", 1}, {no, "", 1}}, no},
		"given again":                         {[]decision{{no, "", 1}, {yes, "", 2}}, yes},
		"broad withdrawal after narrow":       {[]decision{{yes, "t", 1}, {no, "", 2}}, no},
		"broad withdrawal before narrow":      {[]decision{{no, "", 1}, {yes, "t", 2}}, yes},
		"narrow withdrawal after broad":       {[]decision{{yes, "", 1}, {no, "t", 2}}, no},
		"narrow withdrawal before broad":      {[]decision{{no, "t", 1}, {yes, "", 2}}, no},
		"narrow withdrawal, narrow again":     {[]decision{{no, "t", 1}, {yes, "", 2}, {yes, "t", 3}}, yes},
		"withdrawal of another topic":         {[]decision{{yes, "", 1}, {no, "u", 2}}, yes},
		"withdrawal of another channel":       {[]decision{{yes, "", 1}, {no, "l", 2}}, yes},
		"crossed scopes, withdrawal first":    {[]decision{{no, "t", 1}, {yes, "m", 2}}, no},
		"crossed scopes, both named":          {[]decision{{no, "t", 1}, {yes, "tm", 2}}, yes},
		"all withdrawn, all given again":      {[]decision{{yes, "t", 1}, {no, "", 2}, {yes, "", 3}}, yes},
		"withdrawn for all of one app":        {[]decision{{yes, "m", 2}, {no, "a", 1}}, no},
		"order in the list does not matter":   {[]decision{{no, "", 2}, {yes, "", 3}, {yes, "", 1}}, yes},
		"order in the list does not matter 2": {[]decision{{no, "", 3}, {yes, "", 2}, {yes, "t", 1}}, no},
	} {
		f := japan()
		f.App, f.Topic, f.Consents = "a", "t", nil
		for _, d := range tc.history {
			c := given(noon.Add(time.Duration(d.at-10) * time.Hour))
			c.Given = d.given
			for _, dim := range d.scope {
				switch dim {
				case 'a':
					c.App = "a"
				case 'm':
					c.Channel = "mail"
				case 'l':
					c.Channel = "line"
				default:
					c.Topic = string(dim)
				}
			}
			f.Consents = append(f.Consents, c)
		}
		if v := Judge(f, load(t), noon); (v.Outcome == engawa.Send) != tc.want {
			t.Errorf("%s: %s %v", name, v.Outcome, reasonsOf(v))
		}
	}
}
