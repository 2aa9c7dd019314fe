package appstore

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/engawa/engawa"
)

// Endpoint is one thing that the App Store Server API can be asked.
type Endpoint string

// The endpoints that are used here. Transaction history v1 and refund history
// v1 are deprecated and left out, and so is what only Advanced Commerce has.
const (
	EndpointStatuses       Endpoint = "statuses"
	EndpointHistory        Endpoint = "transaction history"
	EndpointTransaction    Endpoint = "transaction"
	EndpointOrder          Endpoint = "order"
	EndpointRefunds        Endpoint = "refunds"
	EndpointExtend         Endpoint = "extension"
	EndpointExtendAll      Endpoint = "extension of all"
	EndpointExtendedAll    Endpoint = "status of an extension of all"
	EndpointConsumption    Endpoint = "consumption"
	EndpointConsumptionV1  Endpoint = "consumption v1"
	EndpointNotifications  Endpoint = "notification history"
	EndpointTest           Endpoint = "test notification"
	EndpointTestStatus     Endpoint = "status of a test notification"
	EndpointAccountToken   Endpoint = "app account token"
	EndpointAppTransaction Endpoint = "app transaction"
	EndpointFinish         Endpoint = "finishing"
	EndpointImages         Endpoint = "retention images"
	EndpointMessages       Endpoint = "retention messages"
	EndpointDefault        Endpoint = "default retention message"
	EndpointPerformance    Endpoint = "retention performance test"
)

// endpoint is how one is called.
type endpoint struct {
	method string
	path   string // {} stands for an id
	rate   int    // calls a second for an app in production
	once   bool   // doing it twice is not doing it once: never repeated when the outcome is unknown
}

// endpoints holds the rates that Apple states per second and enforces per hour
// (App Store Server API, "Identifying rate limits"; 2026-11). It states none
// for the status of an extension of all and for retention messaging; the lowest
// that it states anywhere is taken for them.
var endpoints = map[Endpoint]endpoint{
	EndpointStatuses:       {http.MethodGet, "/inApps/v1/subscriptions/{}", 50, false},
	EndpointHistory:        {http.MethodGet, "/inApps/v2/history/{}", 50, false},
	EndpointTransaction:    {http.MethodGet, "/inApps/v1/transactions/{}", 50, false},
	EndpointOrder:          {http.MethodGet, "/inApps/v1/lookup/{}", 10, false},
	EndpointRefunds:        {http.MethodGet, "/inApps/v2/refund/lookup/{}", 10, false},
	EndpointExtend:         {http.MethodPut, "/inApps/v1/subscriptions/extend/{}", 20, true},
	EndpointExtendAll:      {http.MethodPost, "/inApps/v1/subscriptions/extend/mass", 1, true},
	EndpointExtendedAll:    {http.MethodGet, "/inApps/v1/subscriptions/extend/mass/{}/{}", 1, false},
	EndpointConsumption:    {http.MethodPut, "/inApps/v2/transactions/consumption/{}", 50, false},
	EndpointConsumptionV1:  {http.MethodPut, "/inApps/v1/transactions/consumption/{}", 50, false},
	EndpointNotifications:  {http.MethodPost, "/inApps/v1/notifications/history", 50, false},
	EndpointTest:           {http.MethodPost, "/inApps/v1/notifications/test", 1, false},
	EndpointTestStatus:     {http.MethodGet, "/inApps/v1/notifications/test/{}", 1, false},
	EndpointAccountToken:   {http.MethodPut, "/inApps/v1/transactions/{}/appAccountToken", 20, false},
	EndpointAppTransaction: {http.MethodGet, "/inApps/v1/transactions/appTransactions/{}", 50, false},
	EndpointFinish:         {http.MethodPost, "/inApps/v1/transactions/{}/finish", 50, false},
	EndpointImages:         {http.MethodGet, "/inApps/v1/messaging/image/list", 1, false},
	EndpointMessages:       {http.MethodGet, "/inApps/v1/messaging/message/list", 1, false},
	EndpointDefault:        {http.MethodGet, "/inApps/v1/messaging/default/{}/{}", 1, false},
	EndpointPerformance:    {http.MethodPost, "/inApps/v1/messaging/performanceTest", 1, true},
}

// maxID is the longest id that is sent, in bytes; Apple's have at most some 40.
const maxID = 256

// fill puts ids into a path, escaped: an order id is what a customer typed. An
// id that a server on the way could take for a part of the path is refused.
func fill(path string, ids []string) (string, error) {
	for _, id := range ids {
		odd := !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl)
		if id == "" || id == "." || id == ".." || len(id) > maxID || odd {
			return "", engawa.Invalid("", "write the id as it stands in the receipt or on the customer's page", "this is no id of the App Store: 1 to %d characters are, without line breaks", maxID)
		}
		path = strings.Replace(path, "{}", url.PathEscape(id), 1)
	}
	return path, nil
}
