// Package builtin lists the kinds of channels and sources that the binary
// ships with. Adding one is adding a line.
package builtin

import (
	"strconv"

	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/chatwork"
	"github.com/engawa/engawa/internal/channel/listform"
	"github.com/engawa/engawa/internal/channel/mail"
	"github.com/engawa/engawa/internal/channel/webhook"
)

// Kinds returns every kind, channels first, in the order in which a message
// that names no channel tries them.
func Kinds() []channel.Kind {
	return []channel.Kind{mail.Kind, chatwork.Kind, webhook.Kind, listform.Kind, appStore}
}

// appStore is App Store Server Notifications V2 as a source: one account for an
// app in one environment.
var appStore = channel.Kind{
	Name: "appstore",
	Fields: []channel.Field{
		{Key: "bundle_id", Type: channel.Text, Required: true},
		{Key: "app_apple_id", Type: channel.Number},
		{Key: "environment", Type: channel.Choice, Default: "production", Choices: []string{"production", "sandbox"}},
		{Key: "roots", Type: channel.PEM},
		{Key: "ocsp", Type: channel.Bool, Default: "false"},
	},
	Source: func(s channel.Settings, env channel.Env) (channel.Receiver, error) {
		id, err := strconv.ParseInt("0"+s["app_apple_id"], 10, 64)
		if err != nil {
			return nil, err
		}
		return appstore.New(appstore.Settings{
			BundleID: s["bundle_id"], AppAppleID: id, Environment: s["environment"], Roots: s["roots"], OCSP: s["ocsp"] == "true", HTTP: env.HTTP,
		})
	},
}
