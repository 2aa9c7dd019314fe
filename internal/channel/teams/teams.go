// Package teams posts notices to Microsoft Teams as Adaptive Cards, by the URL
// of a workflow ("post to a channel when a webhook request is received").
//
// A workflow answers 202 before it posts: what Teams does with the card later is
// seen in the workflow's run history alone. Old connectors answer 200 also to
// what they could not post, with the trouble in the text.
package teams

import (
	"bytes"
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/chat"
	"github.com/engawa/engawa/internal/channel/exchange"
	"github.com/engawa/engawa/internal/verdict"
)

// Kind describes Teams. How often a workflow may be called depends on the
// licence of who owns it, so it is a setting.
var Kind = channel.Kind{
	Name: "teams",
	Fields: []channel.Field{
		{Key: "webhook_url", Type: channel.SecretField, Required: true},
		{Key: "per_minute", Type: channel.Number, Default: "60"},
	},
	Limits:  func(s channel.Settings) []channel.Limit { return []channel.Limit{chat.PerMinute(s, "webhook", 60)} },
	Conns:   func(channel.Settings) int { return 2 },
	ToStaff: true,
	Address: chat.Place,
	New:     open,
}

// style: a message may have 28 KB. 8,000 units of any script stay below it with
// the card around them. The card shows text runs, which know no markup.
var style = chat.Style{Most: 8000}

// maxBlocks is how many lines get a block of their own.
const maxBlocks = 60

type account struct{ chat.Hook }

func open(s channel.Settings, env channel.Env) (channel.Channel, error) {
	hook, err := chat.OpenHook(s, env, "Teams")
	if err != nil {
		return nil, err
	}
	return &account{hook}, nil
}

// Send posts the card.
func (a *account) Send(ctx context.Context, m verdict.Cleared) (channel.Receipt, error) {
	return chat.Send(ctx, a.Env, m, func(p engawa.Parcel) exchange.Request { return chat.JSON(a.URL, card(p, a.Env.PublicURL), "") }, judge)
}

type object = map[string]any

// card is the message: one rich text block a line, the subject in bold.
func card(p engawa.Parcel, publicURL string) object {
	var blocks []object
	for i, line := range strings.SplitN(style.Post(p, publicURL), "\n", maxBlocks) {
		run := object{"type": "TextRun", "text": line}
		if i == 0 && p.Content.Subject != "" {
			run["weight"] = "Bolder"
		}
		if line == "" {
			run["text"] = " "
		}
		blocks = append(blocks, object{"type": "RichTextBlock", "spacing": "None", "inlines": []object{run}})
	}
	return object{"type": "message", "attachments": []object{{
		"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil,
		"content": object{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": blocks},
	}}}
}

// failed is how a connector tells in a 200 what Teams said to it.
var failed = regexp.MustCompile(`(?i)webhook message delivery failed|HTTP error (\d{3})`)

func judge(x exchange.Answer) (channel.Receipt, *channel.SendError) {
	after := exchange.RetryAfter(x.Header)
	if x.Status >= 300 {
		return channel.Receipt{}, x.Fail(exchange.Class(x.Status), "", after)
	}
	switch body := bytes.TrimSpace(x.Body); {
	case failed.Match(body):
		return channel.Receipt{}, told(x, after)
	case bytes.HasPrefix(body, []byte("<")), bytes.Contains(body, []byte(`"error"`)):
		return channel.Receipt{}, x.Fail(channel.Ambiguous, "answer", after)
	}
	return channel.Receipt{}, nil
}

// told reads the status inside the text of a 200.
func told(x exchange.Answer, after time.Duration) *channel.SendError {
	for _, found := range failed.FindAllSubmatch(x.Body, 4) {
		if status, err := strconv.Atoi(string(found[1])); err == nil {
			return x.Fail(exchange.Class(status), "200 "+string(found[1]), after)
		}
	}
	return x.Fail(channel.Rejected, "200 failed", after)
}
