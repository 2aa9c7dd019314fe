//go:build race

package fault

const (
	wantKills  = 20 // in flight, of webhooks, over both engines
	wantOthers = 4  // in flight, of mail and of Chatwork each, on SQLite
)
