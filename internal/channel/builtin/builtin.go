// Package builtin lists the kinds of channels and sources that the binary
// ships with. Adding one is adding a line.
package builtin

import (
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/chatwork"
	"github.com/engawa/engawa/internal/channel/custom"
	"github.com/engawa/engawa/internal/channel/discord"
	"github.com/engawa/engawa/internal/channel/googlechat"
	"github.com/engawa/engawa/internal/channel/inapp"
	"github.com/engawa/engawa/internal/channel/line"
	"github.com/engawa/engawa/internal/channel/listform"
	"github.com/engawa/engawa/internal/channel/mail"
	"github.com/engawa/engawa/internal/channel/slack"
	"github.com/engawa/engawa/internal/channel/teams"
	"github.com/engawa/engawa/internal/channel/telegram"
	"github.com/engawa/engawa/internal/channel/webhook"
	"github.com/engawa/engawa/internal/channel/zendesk"
	"github.com/engawa/engawa/internal/source/csv"
	"github.com/engawa/engawa/internal/source/inbox"
	"github.com/engawa/engawa/internal/source/smaregi"
	"github.com/engawa/engawa/internal/source/stripe"
)

//go:generate go test . -run ^TestPages$ -update

// Kinds returns every kind, channels first, in the order in which a message
// that names no channel tries them.
func Kinds() []channel.Kind {
	return []channel.Kind{
		mail.Kind, line.Kind, chatwork.Kind, slack.Kind, teams.Kind, discord.Kind, telegram.Kind, googlechat.Kind, webhook.Kind, zendesk.Kind, listform.Kind, custom.Kind, inapp.Kind, appStore, stripe.Kind, smaregi.Kind, inbox.Kind, csv.Kind,
	}
}

// appStore is an app in the App Store in one environment: Server Notifications
// V2 come in, and with a key the Server API can be asked.
var appStore = channel.Kind{
	Name: "appstore",
	Fields: []channel.Field{
		{Key: "bundle_id", Type: channel.Text, Required: true},
		{Key: "app_apple_id", Type: channel.Number},
		{Key: "environment", Type: channel.Choice, Default: "production", Choices: []string{"production", "sandbox"}},
		{Key: "app", Type: channel.OfApp},
		{Key: "issuer_id", Type: channel.Text},
		{Key: "key_id", Type: channel.Text},
		{Key: "private_key", Type: channel.PEM},
		{Key: "offer_key_id", Type: channel.Text},
		{Key: "offer_key", Type: channel.PEM},
		{Key: "signed_offers", Type: channel.Lines},
		{Key: "connect_issuer_id", Type: channel.Text},
		{Key: "connect_key_id", Type: channel.Text},
		{Key: "connect_key", Type: channel.PEM},
		{Key: "api_url", Type: channel.URL},
		{Key: "roots", Type: channel.PEM},
		{Key: "ocsp", Type: channel.Bool, Default: "false"},
	},
	Source: func(s channel.Settings, env channel.Env) (channel.Receiver, error) {
		return appstore.OpenAccount(s, env.HTTP)
	},
}
