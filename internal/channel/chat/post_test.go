package chat_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/chat"
	"github.com/engawa/engawa/internal/channel/chat/chattest"
	"github.com/engawa/engawa/internal/channel/chat/sim"
	"github.com/engawa/engawa/internal/channel/discord"
	"github.com/engawa/engawa/internal/channel/googlechat"
	"github.com/engawa/engawa/internal/channel/slack"
	"github.com/engawa/engawa/internal/channel/teams"
	"github.com/engawa/engawa/internal/channel/telegram"
	"github.com/engawa/engawa/internal/rude"
)

const host = "https://chat.example"

// services are the five kinds with the room of the simulator that each posts to.
var services = []struct {
	kind     channel.Kind
	settings map[string]string
	to       engawa.Address
	room     string
	most     int // UTF-16 units of a post; 0: it counts bytes
}{
	{slack.Kind, map[string]string{"how": "bot", "token": "xoxb-1", "base_url": host + "/slack/api"}, "C0HINATA01", "C0HINATA01", 4000},
	{slack.Kind, map[string]string{"how": "webhook", "webhook_url": host + "/slack/services/C0HINATA01/t"}, "受注", "C0HINATA01", 4000},
	{teams.Kind, map[string]string{"webhook_url": host + "/teams/workflows/w1?sig=t"}, "受注", "w1", 8000},
	{discord.Kind, map[string]string{"webhook_url": host + "/discord/api/webhooks/11/t"}, "受注", "11", 2000},
	{discord.Kind, map[string]string{"how": "bot", "token": "t", "base_url": host + "/discord/api"}, "1152921504606846901", "1152921504606846901", 2000},
	{telegram.Kind, map[string]string{"token": "7654321:AAAAbbbbCCCCddddEEEEffffGGGG", "base_url": host + "/telegram"}, "-42", "-42", 4096},
	{googlechat.Kind, map[string]string{"webhook_url": host + "/googlechat/v1/spaces/AAAA/messages?key=k&token=t"}, "受注", "AAAA", 4096},
}

func rooms() *sim.Server {
	s := &sim.Server{}
	for _, r := range services {
		if len(s.Posts(r.kind.Name, r.room)) == 0 {
			s.AddRoom(r.kind.Name, r.room, "受注")
		}
	}
	return s
}

// post sends words to each service and returns what a person sees there.
func post(t *testing.T, subject, text string, locale engawa.Locale, check func(t *testing.T, most int, got sim.Post)) {
	t.Helper()
	for _, r := range services {
		t.Run(r.kind.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := rooms()
				p := channeltest.Parcel(r.to)
				p.Content, p.Locale = engawa.Content{Subject: subject, Text: text}, locale
				env := channel.Env{HTTP: channeltest.Client(s), PublicURL: "https://hub.example"}
				if _, se := chattest.SendParcel(t, r.kind, r.settings, p, env); se != nil {
					t.Fatalf("%v\n%s", se, se.Exchange.Response)
				}
				got := s.Posts(r.kind.Name, r.room)
				if len(got) != 1 {
					t.Fatalf("%d posts", len(got))
				}
				check(t, r.most, got[0])
			})
		})
	}
}

// nasty is what a customer could write to command the readers of a room, to
// hide where a link leads, or to break out of the post.
var nasty = map[string]string{
	"everybody":          "@everyone @here @channel @all <!channel> <!here> <!everyone> <users/all> <@&123> <@123456789012345678> <@U012AB3CD> <!subteam^S01> <#123>",
	"somebody":           "@tanaka_hinata please, (@tanaka_hinata) \n@tanaka_hinata",
	"slack link":         "<https://evil.example|https://bank.example>",
	"markdown link":      "[https://bank.example](https://evil.example) [bank](https://evil.example \"t\") ![i](https://evil.example/i.png)",
	"markdown in a link": "https://bank.example/](https://evil.example) [x https://bank.example/a](https://evil.example)",
	"html":               "<a href=\"https://evil.example\">https://bank.example</a><script>alert(1)</script><b>x</b>",
	"end of markup":      "</b></a></pre>&lt;b&gt; \\[x\\](https://evil.example) \\\\[x](https://evil.example) ``` ** __ ~~ || > # -# *a*",
	"turned around":      "https://bank.example/\u202egnp.exe \u2066x\u2069 \u200fa\u061c",
	"json":               "\"},{\"text\":\"<!channel>\"}],\"allowed_mentions\":{\"parse\":[\"everyone\"]},\"x\":[{\"",
	"template":           "{{customer.name}} ${x} %s %00 \x00\x07\x1b[31m",
	"line ends":          "a\r\nb\rc\u2028d\u2029e",
	"entities":           "&lt;!channel&gt; &#60;!here&#62; &amp;lt;!channel&amp;gt;",
	"hidden name":        "@\u200beveryone @\u2060everyone ＠everyone",
	"bad bytes":          "\xff\xfe <!chan\xffnel>",
}

// TestNasty: in every service nothing of it mentions, no link leads elsewhere
// than it reads, and the words can be read as they were written.
func TestNasty(t *testing.T) {
	for name, words := range nasty {
		for place, c := range map[string]engawa.Content{"text": {Subject: "お知らせ", Text: words}, "subject": {Subject: words, Text: "お知らせ"}} {
			t.Run(name+"/"+place, func(t *testing.T) {
				post(t, c.Subject, c.Text, engawa.Japanese, func(t *testing.T, _ int, got sim.Post) {
					for _, span := range got.Spans {
						if span.Kind == "mention" {
							t.Errorf("mentions %q", span.Text)
						}
						if span.Kind == "link" && span.Text != span.URL {
							t.Errorf("%q leads to %q", span.Text, span.URL)
						}
						if span.Kind == "bold" && place == "text" && span.Text != "お知らせ" {
							t.Errorf("%q is markup", span.Text)
						}
						if strings.ContainsFunc(span.Text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
							t.Errorf("%q holds control characters", span.Text)
						}
					}
					if seen, want := bare(got.Text()), bare(words); !strings.Contains(seen, want) {
						t.Errorf("is read as\n%q\nand not as\n%q", seen, want)
					}
				})
			})
		}
	}
}

// bare is text without line ends and what is invisible, links in one spelling.
func bare(s string) string {
	s = strings.NewReplacer("\u2060", "", "\n", "", " ", "", "\t", "", "%5B", "[", "%5D", "]", "%7C", "|", "%5C", `\`).Replace(chat.Tame(s))
	return strings.TrimSpace(s)
}

// TestLong: what is too long is cut, says so in the reader's language, and leads
// to the rest; no link is cut into another one.
func TestLong(t *testing.T) {
	for _, l := range engawa.Locales {
		for name, words := range map[string]string{
			"kanji": strings.Repeat("長い知らせ。", 5000), "marks": strings.Repeat("<*&_[]>", 5000), "faces": strings.Repeat("😀", 5000),
			"links": strings.Repeat("https://shop.example/orders/1234567890?from=mail ", 1000),
		} {
			t.Run(string(l)+"/"+name, func(t *testing.T) {
				post(t, strings.Repeat("件名", 1000), words, l, func(t *testing.T, most int, got sim.Post) {
					text := got.Text()
					if !strings.Contains(text, chat.Note(l)+"\nhttps://hub.example/messages/msg_01\nref: ") {
						t.Errorf("ends in %q", text[max(0, len(text)-300):])
					}
					for _, span := range got.Spans {
						if span.Kind == "link" && span.URL != "https://shop.example/orders/1234567890?from=mail" && span.URL != "https://hub.example/messages/msg_01" {
							t.Errorf("a link became %q", span.URL)
						}
					}
				})
			})
		}
	}
}

// TestWhole: what fits is not cut, to the character.
func TestWhole(t *testing.T) {
	p := channeltest.Parcel("x")
	p.Content.Subject = ""
	room := 100 - len("\n"+chat.Reference(p))
	for n, whole := range map[int]bool{room: true, room + 1: false} {
		p.Content.Text = strings.Repeat("a", n)
		got := chat.Style{Most: 100}.Post(p, "")
		if strings.Contains(got, chat.Note(p.Locale)) == whole || len([]rune(got)) > 100 {
			t.Errorf("%d characters: %q", n, got)
		}
	}
}

// TestURL: what is no webhook's URL is refused, and the refusal does not repeat it.
func TestURL(t *testing.T) {
	for in, ok := range map[string]bool{
		"https://a.example/s3cret": true, "": false, "s3cret": false, "ftp://a.example/s3cret": false, "https://a.example": false, "https://a.example/": false,
		"https://u:s3cret@a.example/x": false, "https:///s3cret": false, "https://a.example/%zzs3cret": false,
	} {
		_, err := chat.URL(channel.Settings{"u": in}, "u", "Slack")
		if (err == nil) != ok || err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// TestRude: what was posted and then answered with an error, or with nothing, is
// never told as refused or as not sent.
func TestRude(t *testing.T) {
	for _, r := range services {
		for _, status := range []int{500, 502, 504, rude.Lost} {
			synctest.Test(t, func(t *testing.T) {
				s := rooms()
				s.Answer = func(*http.Request) (int, bool) { return status, true }
				_, se := chattest.Send(t, r.kind, r.settings, r.to, s.ServeHTTP)
				if n := len(s.Posts(r.kind.Name, r.room)); n != 1 || se == nil || se.Class != channel.Ambiguous {
					t.Errorf("%s after %d: %v, %d posts", r.kind.Name, status, se, n)
				}
			})
		}
	}
}

// TestPace: at the pace that the kind names, the service never says "too many".
func TestPace(t *testing.T) {
	for _, r := range services {
		synctest.Test(t, func(t *testing.T) {
			s := rooms()
			settings, err := r.kind.Check(r.settings)
			if err != nil {
				t.Fatal(err)
			}
			for n := range 40 {
				p := channeltest.Parcel(r.to)
				p.Key = strings.Repeat("k", n+1)
				if _, se := chattest.SendParcel(t, r.kind, r.settings, p, channel.Env{HTTP: channeltest.Client(s)}); se != nil {
					t.Fatalf("%s, post %d: %v", r.kind.Name, n, se)
				}
				wait(r.kind.Limits(settings))
			}
		})
	}
}

// wait sleeps as long as the slowest of the limits asks for between two posts.
func wait(limits []channel.Limit) {
	var longest time.Duration
	for _, l := range limits {
		longest = max(longest, l.Per/time.Duration(l.N))
	}
	time.Sleep(longest)
}
