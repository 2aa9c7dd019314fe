package store

// taken says how the rows of one table leave in a takeout and come in again. A
// column that is not named is told as it is: a new column needs nothing, and a
// new table one entry here, or one in TakeoutStays.
type taken struct {
	table string
	kind  string   // of the takeout's files
	order string   // the table's key without the workspace
	json  []string // columns whose text is JSON
	stay  []string // columns that do not leave; they come in empty
	made  []string // columns that the database makes
	own   string   // a column that does not leave and comes in as the row's id, since it must differ
	seal  form
	told  []string          // the names of what is sealed
	with  string            // a column in which the last of these is sealed beside the others; where it is NULL it is not
	as    map[string]string // columns that are told by more than their row
	hash  hashed
	also  hashed // a second one; only of a member
}

// form is how what is sealed is told.
type form int

const (
	unsealed form = iota // nothing is sealed, or what is stays
	inText               // one text
	inJSON               // one JSON value
	inLines              // a JSON value a line
	settings             // an account's, from which secrets may be left out
)

// hashed is a keyed hash of a value. It is of no use to another key ring: the
// value leaves in its place where it is known, and is hashed again. One that is
// told as "value" is looked for in what events of the row's customer tell.
type hashed struct {
	column string
	value  string   // the name under which the value is told; empty: it is what is sealed
	member string   // of the JSON that is sealed; empty: all of it
	domain string   // of vault.Index; what stands in fields follows, parted by slashes
	fields []string // columns
	fold   bool     // as addresses are
	keep   bool     // the row comes in even if nobody knows the value
}

// takenTables are all tables that leave, in the order in which their rows can
// come in. Subscriptions, purchases and identities come after the events, which tell
// their values. TestTakenTables holds them and TakeoutStays to the schema.
func takenTables() []taken {
	return []taken{
		{table: "workspace", kind: "workspace", order: "id", json: []string{"sender", "house"}},
		{
			table: "member", kind: "members", order: "id", stay: []string{"password"}, seal: inText, told: []string{"mail"},
			hash: hashed{column: "mail_index", domain: "address:member", fold: true},
		},
		{table: "api_key", kind: "api-keys", order: "id", json: []string{"scopes"}, stay: []string{"hash"}},
		{table: "partner", kind: "partners", order: "id", json: []string{"sender"}},
		{table: "partner_grant", kind: "grants", order: "id", json: []string{"terms"}},
		{table: "app", kind: "apps", order: "id"},
		{table: "account", kind: "accounts", order: "id", seal: settings, told: []string{"settings"}},
		{table: "data_key", kind: "customer-keys", order: "id", stay: []string{"kek", "wrapped"}},
		{table: "customer", kind: "customers", order: "id", stay: []string{"names_by"}, seal: inText, told: []string{"name"}},
		{
			table: "contact_point", kind: "contact-points", order: "id", json: []string{"purposes"}, seal: inText, told: []string{"address"},
			hash: hashed{column: "address_index", domain: "address:", fields: []string{"kind"}, fold: true},
		},
		{
			table: "customer_tag", kind: "customer-tags", order: "id", seal: inText, told: []string{"tag"},
			hash: hashed{column: "tag_hash", domain: "tag"},
		},
		{table: "segment", kind: "segments", order: "id", json: []string{"body"}},
		{table: "handle", kind: "handles", order: "id", stay: []string{"told"}},
		{table: "subscriber_list", kind: "subscriber-lists", order: "partner, app"},
		{
			table: "destination", kind: "destinations", order: "id", seal: inText, told: []string{"address"},
			hash: hashed{column: "address_index", domain: "address:" + StaffPlaces, fold: true},
		},
		{table: "consent", kind: "consents", order: "id", json: []string{"evidence"}},
		{table: "consent_wording", kind: "consent-wordings", order: "app, act, purpose, version", json: []string{"words"}},
		{table: "relationship", kind: "relationships", order: "account, contact_point"},
		{table: "disclosure", kind: "disclosures", order: "id", json: []string{"evidence"}},
		{
			table: "suppression", kind: "suppressions", order: "channel, address_index, reason",
			hash: hashed{column: "address_index", value: "address", domain: "address:", fields: []string{"channel"}, fold: true},
		},
		{table: "event_type", kind: "event-types", order: "type", json: []string{"names", "body", "sample"}},
		{table: "route", kind: "routes", order: "id, version", json: []string{"body"}},
		{table: "template", kind: "templates", order: "id, version", json: []string{"words"}},
		{table: "source_cursor", kind: "cursors", order: "account"},
		{table: "event", kind: "events", order: "id", seal: inJSON, told: []string{"body"}},
		{
			table: "subscription", kind: "subscriptions", order: "id", json: []string{"detail"},
			hash: hashed{column: "contract", value: "value", domain: "identity:smaregi/contract", keep: true},
		},
		{table: "broadcast", kind: "broadcasts", order: "id", json: []string{"body"}, stay: []string{"next_at"}},
		{table: "message", kind: "messages", order: "id", json: []string{"chain"}, as: map[string]string{"state": messageState}, seal: inLines, told: []string{"words", "verdicts"}, with: "judged"},
		{table: "partner_message", kind: "partner-messages", order: "message"},
		{table: "delivery", kind: "deliveries", order: "id", stay: []string{"fence", "carry", "held_for"}, made: []string{"waits"}, seal: inJSON, told: []string{"verdict"}},
		{table: "attempt", kind: "attempts", order: "delivery, n", seal: inJSON, told: []string{"exchange"}},
		{table: "digest", kind: "digests", order: "id", own: "by_hash"},
		{table: "digest_event", kind: "digest-events", order: "digest, event"},
		{table: "replay", kind: "replays", order: "id"},
		{table: "import", kind: "imports", order: "id", json: []string{"mapping", "counts"}, stay: []string{"sealed", "sealed_by"}},
		{
			table: "import_row", kind: "import-rows", order: "id", seal: inText, told: []string{"body"},
			hash: hashed{column: "value_hash", value: "value", domain: "import:", fields: []string{"account", "kind"}},
		},
		{
			table: "purchase", kind: "purchases", order: "id", seal: inJSON, told: []string{"facts"},
			hash: hashed{column: "original_hash", value: "value", domain: "purchase:", fields: []string{"account"}, keep: true},
		},
		{
			table: "refund_case", kind: "refund-cases", order: "id", stay: []string{"next_at"}, seal: inJSON, told: []string{"case"},
			hash: hashed{column: "transaction_hash", member: "transaction", domain: "transaction"}, also: hashed{column: "original_hash", member: "original", domain: "transaction"},
		},
		{table: "consumption", kind: "consumption", order: "id", hash: hashed{column: "transaction_hash", value: "value", domain: "transaction"}},
		{table: "refund_policy", kind: "refund-policies", order: "account, version", json: []string{"body"}},
		{table: "product", kind: "products", order: "id", json: []string{"entitlements"}},
		{table: "pack_switch", kind: "pack-switches", order: "version"},
		{table: "store_quarter", kind: "store-quarters", order: "at, account, what, product"},
		{table: "store_day", kind: "store-days", order: "account, day, what, product"},
		{table: "offer_pool", kind: "offer-pools", order: "id", seal: inText, told: []string{"code"}},
		{
			table: "offer_code", kind: "offer-codes", order: "id", seal: inText, told: []string{"code"},
			hash: hashed{column: "code_hash", domain: "offer_code:", fields: []string{"account"}},
		},
		{table: "in_app", kind: "in-app-messages", order: "id", seal: inJSON, told: []string{"words"}},
		{
			table: "identity", kind: "identities", order: "issuer, kind, value_hash",
			hash: hashed{column: "value_hash", value: "value", domain: "identity:", fields: []string{"issuer", "kind"}},
		},
		{table: "customer_note", kind: "notes", order: "id", seal: inText, told: []string{"text"}},
		{table: "partner_reply", kind: "partner-replies", order: "id", seal: inJSON, told: []string{"body"}},
		{table: "partner_standing", kind: "standings", order: "partner"},
		{table: "partner_end", kind: "endings", order: "id", json: []string{"shared", "destroyed"}},
		{table: "extension", kind: "extensions", order: "id", json: []string{"storefronts"}, stay: []string{"next_at"}},
		{table: "custody", kind: "custodies", order: "id", stay: []string{"next_at", "turn"}, seal: inJSON, told: []string{"body"}},
		{table: "custody_line", kind: "custody-lines", order: "id", seal: inJSON, told: []string{"line"}},
		{table: "custody_picture", kind: "custody-pictures", order: "id", seal: inJSON, told: []string{"picture"}},
		{table: "task", kind: "tasks", order: "id", json: []string{"args"}, seal: inJSON, told: []string{"type"}},
		{table: "registration", kind: "registrations", order: "id", seal: inJSON, told: []string{"entry"}},
		{table: "task_line", kind: "task-lines", order: "id", seal: inText, told: []string{"text"}},
		{table: "audit", kind: "audit", order: "id"},
	}
}

// TakeoutStays are the tables that do not leave, and why.
func TakeoutStays() map[string]string {
	return map[string]string{
		"ring":                 "which key file opens this database",
		"migration":            "how far this database's schema has come",
		"session":              "who is signed in here",
		"directory":            "made anew of accounts and API keys",
		"lane":                 "which node holds an account here; made anew of accounts",
		"lane_limit":           "how much of an account's limits was used up here; the provider counts by itself",
		"handover":             "what nodes here have under way; the deliveries say so",
		"idempotency":          "answers of a day to requests that were posted here",
		"unread_mail":          "mail of which nothing could be made, as it came; a person looks at it here within 30 days",
		"breaker":              "which receivers refuse mail of the domains that send from here; another hub learns it anew",
		"cause":                "keyed hashes by which events of the last minutes find one another",
		"checkup":              "how far this hub has asked the App Store; another asks anew",
		"list_reading":         "when this hub read the lists of contracts; another reads them anew",
		"gap":                  "what this hub missed and filled in; the events say so",
		"name_prefix":          "keyed hashes of the beginnings of names; made anew of the names",
		"purchase_transaction": "keyed hashes of transactions; made anew as the store tells of them, or is asked",
		"subscriber_mark":      "of whom lists of partners are to be brought up to date in the next second; all are gone through anew within a day",
		"mail_return":          "how often an address came back, by its keyed hash; the events mail.* say it too",
	}
}

// TakeoutKinds are the kinds of a takeout's rows, in the order in which they
// come in again.
func TakeoutKinds() (kinds []string) {
	for _, x := range takenTables() {
		kinds = append(kinds, x.kind)
	}
	return kinds
}
