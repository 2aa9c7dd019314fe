package builtin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/chat/chattest"
	"github.com/engawa/engawa/internal/egress"
)

// posting are the kinds that post to a URL of the operator's, with settings that
// name it as $.
var posting = map[string]map[string]string{
	"line":       {"channel_id": "1657000001", "channel_secret": "8c570fa6dd201bb328f1c1eac23a96d8", "base_url": "$"},
	"chatwork":   {"token": "t", "base_url": "$"},
	"slack":      {"how": "webhook", "webhook_url": "$/services/x"},
	"teams":      {"webhook_url": "$/workflows/x"},
	"discord":    {"webhook_url": "$/api/webhooks/1/x"},
	"telegram":   {"token": "7654321:AAAAbbbbCCCCddddEEEEffffGGGG", "base_url": "$"},
	"googlechat": {"webhook_url": "$/v1/spaces/A/messages?key=k&token=t"},
	"zendesk":    {"subdomain": "hinata", "mail": "agent@hinata.example", "token": "t", "base_url": "$"},
	"webhook":    {"url": "$/x", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
	"http":       {"url": "$/x", "body": `"{{text}}"`},
}

// TestNothingInsideIsReached (B27, B28, B30): whatever an operator enters, no
// kind reaches this machine, a private network or a metadata service, and what
// it keeps says only that nobody was reached.
func TestNothingInsideIsReached(t *testing.T) {
	var hits atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer inside.Close()
	env := channel.Env{HTTP: egress.Exit{Plain: true}.Client()}
	defer env.HTTP.CloseIdleConnections()
	for _, host := range []string{
		inside.URL, "https://127.0.0.1", "http://127.1", "http://0x7f.1", "http://2130706433", "http://017700000001", "http://[::]", "http://[::1]", "http://0.0.0.0",
		"http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]", "http://[64:ff9b::7f00:1]", "http://[2002:7f00:1::]", "http://169.254.169.254", "http://[fd00:ec2::254]",
		"http://100.100.100.200", "http://192.0.0.192", "http://10.0.0.1", "http://localhost",
	} {
		for name, with := range posting {
			i := 0
			for Kinds()[i].Name != name {
				i++
			}
			settings := map[string]string{}
			for key, value := range with {
				settings[key] = strings.ReplaceAll(value, "$", host)
			}
			_, se := chattest.SendParcel(t, Kinds()[i], settings, channeltest.Parcel("42"), env)
			if se == nil || se.Class != channel.Again || se.Code != "unreachable" || strings.Contains(se.Error(), "169.254") {
				t.Errorf("%s to %s: %v", name, host, se)
			}
		}
		for _, k := range Kinds() {
			if k.Form == nil {
				continue
			}
			if _, err := k.Form.Read(t.Context(), channel.Settings{"url": host + "/form", "form": "1", "charset": "auto"}, env); err == nil || strings.Contains(err.Error(), "169.254") {
				t.Errorf("%s read a form of %s: %v", k.Name, host, err)
			}
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

// TestEveryPostingKindIsTried: a kind that posts somewhere is in the table,
// or is one whose form is read first. What waits in an app goes nowhere.
func TestEveryPostingKindIsTried(t *testing.T) {
	for _, k := range Kinds() {
		if k.New != nil && k.Name != "mail" && k.Name != "inapp" && k.Form == nil && posting[k.Name] == nil {
			t.Errorf("%s is not tried against inner addresses", k.Name)
		}
	}
}
