package text_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/text"
)

func load(t *testing.T) *text.Words {
	t.Helper()
	w, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// computed are the keys that code puts together. An open prefix may have any
// words behind it: the code that asks uses Has, or a test of its own checks.
var computed = map[string][]string{
	"kept.why.": {"off", "loop", "aside"},
	// The support desk.
	"find.as.":         {"id", "handle", "mail", "token", "transaction", "order", "number", "name"},
	"find.by.":         {"id", "handle", "mail", "transaction", "name", "order"},
	"find.try.":        {"order", "transaction", "mail", "name"},
	"find.identity.":   nil, // kinds of identities that have a name; others show theirs
	"storefront.":      nil, // of the countries that have words; others show their code
	"story.":           {"event", "message", "ticket", "consent", "refund", "answer", "extension", "code", "note", "task"},
	"purchase.kind.":   {"auto_renewable_subscription", "non_renewing_subscription", "consumable", "non_consumable"},
	"purchase.state.":  {"active", "canceled", "overdue", "billing_grace_period", "billing_retry", "expired", "revoked", "owned", "units", "ended"},
	"purchase.means.":  {"active", "canceled", "overdue", "billing_grace_period", "billing_retry", "expired", "revoked", "owned", "units", "ended"},
	"purchase.say.":    {"active", "canceled", "overdue", "billing_grace_period", "billing_retry", "expired", "revoked", "owned", "units", "ended"},
	"purchase.reason.": {"canceled", "billing", "price_increase", "product_unavailable", "other", "refunded", "share_ended"},
	"purchase.offer.":  {"introductory", "promotional", "code", "win_back", "other"},
	"refund.entry.":    {"requested", "declined", "refunded", "reversed", "share_ended"},
	"extend.why.":      {"erased", "not_renewing", "shared", "not_paid", "free_offer", "under_way", "none_left"},
	"extend.instead.":  {"erased", "not_renewing", "shared", "not_paid", "free_offer", "under_way", "none_left"},
	"extend.reason.":   {"0", "1", "2", "3"},
	"extend.state.":    {"waiting", "asking", "running", "done", "refused", "unknown", "undone"},
	"outage.says.":     {"waiting", "asking", "running", "done", "refused", "unknown", "undone"},
	"repute.level.":    {"good", "warned", "slowed", "stopped"},
	"repute.means.":    {"good", "warned", "slowed", "stopped"},
	// The custody ledger: TestCustodyWords of internal/console.
	"custody.risk.":   nil,
	"custody.step.":   nil,
	"custody.right.":  nil,
	"custody.kind.":   nil,
	"custody.fact.":   nil,
	"custody.q.":      nil,
	"custody.side.":   {"own", "outside", "gone"},
	"custody.known.":  {"told", "seen"},
	"contract.state.": {"active", "expired", "billing_retry", "billing_grace_period", "revoked", "suspended"},
	"letter.purpose.": {"service", "notice", "marketing"},

	"task.reply.unproved.why.": {"stranger", "forged"},
	"thread.state.":            {"passed", "waiting", "left"},

	"scrub.": {"address", "phone", "name", "id", "alias", "link", "another", "undecoded", "sealed", "document", "card", "machine", "remote", "over", "leaking"}, // internal/serve: TestScrubWords
	// The customers' pages.
	"my.done.":       {"stop", "stop_all", "leave", "allow", "changed", "sure", "point", "saved", "ended", "last"},
	"my.problem.":    {"link", "link.text", "erased", "erased.text", "forbidden", "forbidden.text", "often", "often.text", "invalid", "invalid.text", "later", "later.text", "signin", "signin.text", "nobody", "nobody.text", "soon", "soon.text"},
	"my.signin.":     {"smaregi"}, // kinds of accounts at whose provider customers sign in
	"my.line.":       {"contact.service", "contact.notice", "contact.marketing", "contact_at_night", "share_address", "share_usage"},
	"my.line.since.": {"given", "pending", "stopped", "shared", "kept"},
	"my.state.":      {"given", "pending", "stopped", "shared", "kept"},
	"my.allow.":      {"pending", "stopped", "kept"},
	"my.purpose.":    {"service", "notice", "marketing"},
	"my.message.":    {"waiting", "sent", "refused", "failed", "unknown", "canceled", "expired"},
	"my.why.no.":     {"grant", "recipient", "relationship", "consent", "disclosure", "rules", "suppression", "budget"},
	"my.mail.":       {"sure.subject", "sure.text", "prove.subject", "prove.text", "prove_shared.subject", "prove_shared.text"}, // Site.say
	"ask.of.":        {"contact.service", "contact.notice", "contact.marketing", "contact_at_night", "share_address", "share_usage"},
	"ask.group.":     {"contact.notice", "contact.marketing", "contact_at_night", "share_address", "share_usage"},
	"ask.facts.":     {"contact", "contact_at_night", "share_address", "share_usage"},

	"verdict.": nil, // reasons of internal/rule and internal/verdict
	"footer.":  nil, // obligations of rules
	"kind.":    nil, // channels and their fields
	"task.":    nil, // kinds of tasks
	"access.":  nil, // refusals of internal/access
	"api.": {
		"invalid", "unauthorized", "unverified", "forbidden", "not_found", "method", "conflict", "too_large", "media_type", "key_mismatch",
		"rate_limited", "unavailable", "internal",
	},
	"tasks.source.": {"msg", "evt", "rte", "acc", "cus", "member", "key"},
	"place.":        {"direct", "my_chat", "readonly", "not_member"},
	"choice.":       nil, // of a channel's fields
	"scope.":        nil, // of a channel's limits
	"types.group.":  {"general", "application", "payment", "contract", "store", "system", "own", "general.text", "application.text", "payment.text", "contract.text", "store.text", "system.text", "own.text"},
	"fieldtype.":    {"string", "integer", "number", "boolean", "object", "array", "date", "date-time"},
	"field.":        nil, // members of event data: TestFieldsHaveWords
	"value.":        nil, // codes in event data: Viewer.Show
	"demo.": { // printed by the methods say, head and heldBy of internal/demo
		"begin", "events", "gates", "pushed", "cap", "budget", "waits", "unknown", "job", "journaled", "offered", "refused", "room", "fallback", "ticket", "answered", "done", "ready", "try", "goes_on",
		"bounced", "complained", "replied", "read", "unread",
	},
	"sandbox.": { // internal/demo: sandboxWords
		"title", "lead", "name", "name_help", "register", "made", "once", "copy", "client", "secret", "app", "do", "needs", "token", "list", "list_help", "send", "send_help", "read", "read_help",
		"then", "inbox", "inbox_help", "docs", "docs_help", "console", "console_help", "another",
	},
	"sandbox.wording.": {"notice", "marketing"},
	"audit.do.":        nil, // console.AuditActions, which its tests hold to these words
	"csv.fault.": { // csv.Fault; TestFaultsHaveWords of internal/console
		"size", "size.remedy", "separator", "separator.remedy", "empty", "empty.remedy", "rows", "rows.remedy", "columns", "columns.remedy", "header_twice", "header_twice.remedy", "no_rows", "no_rows.remedy", "header_empty", "header_empty.remedy", "ragged", "ragged.remedy", "quote", "quote.remedy", "quote_open", "quote_open.remedy", "encoding", "encoding.remedy", "bom", "bom.remedy", "unmapped", "unmapped.remedy", "column_gone", "column_gone.remedy", "contradicts", "contradicts.remedy", "value_long", "value_long.remedy", "value_lines", "value_lines.remedy", "number", "number.remedy", "mail", "mail.remedy", "country", "country.remedy", "language", "language.remedy", "phone", "phone.remedy", "contract_twice", "contract_twice.remedy", "backwards", "backwards.remedy", "reserved", "reserved.remedy", "state_empty", "state_empty.remedy", "state", "state.remedy", "date", "date.remedy", "header_nul", "header_nul.remedy", "header_bytes", "header_bytes.remedy", "header_long", "header_long.remedy", "nul", "nul.remedy", "bytes", "bytes.remedy", "long", "long.remedy",
	},
	"csv.field.":       {"number", "name", "family", "given", "mail", "phone", "language", "country", "contract", "plan", "state", "starts", "ends"},
	"csv.state.":       {"pending", "active", "suspended", "termination_reserved", "terminated", "cancelled"},
	"csv.encoding.":    {"utf-8", "shift_jis", "euc-jp", "euc-kr", "utf-16"},
	"csv.changed.":     {"name", "email", "phone", "language", "country"},
	"gap.cause.":       {"night", "absence", "failures", "asked"},
	"gap.trouble.":     {"history", "busy"},
	"gap.result.":      {"TIMED_OUT", "TLS_ISSUE", "CIRCULAR_REDIRECT", "NO_RESPONSE", "SOCKET_ISSUE", "UNSUPPORTED_CHARSET", "INVALID_RESPONSE", "PREMATURE_CLOSE", "UNSUCCESSFUL_HTTP_RESPONSE_CODE", "OTHER"},
	"imports.state.":   {"open", "applying", "stopped", "done", "dropped", "expired"},
	"offers.":          {"handed", "redeemed", "lapsed"},                                                                                       // states of a code
	"because.":         {"asked", "complaint", "trouble", "payment", "leaving", "follow_up", "rules", "goodwill", "used", "repeated", "other"}, // engawa.WriteReasons and RefundReasons
	"offer.for.":       {"apology", "keep", "win_back", "support", "campaign", "other"},
	"offer.line.":      {"not_a_code", "other_app", "two_codes", "twice", "known"},
	"offer.wrong.":     nil, // by the field that is wrong: Page.toldWords
	"done.":            {"pool", "codes", "codes_made", "pool_closed", "code", "saved", "unasked", "doubted", "import", "dropped", "canceled", "resumed", "task", "task_taken", "task_given", "task_moved", "task_noted", "task_open", "language", "queued", "again", "enabled", "replay", "stopped", "member_ended", "key_ended", "welcome", "stopped_for", "ticket", "merged", "erased", "task_new", "lifted", "checking", "refund_sent", "refund_ignored", "refund_refused", "refund_retrying", "ready", "note", "extended", "extend_unknown", "looked", "outage", "written", "receiver_tried", "recounted", "product_named", "product_forgotten", "partner", "partner_app", "partner_ended", "contract_ended", "partner_stopped", "partner_lifted", "reply_passed", "reply_left", "kept_dropped", "grant", "grant_ended", "secret_ended", "pack_on", "pack_off", "custody_stated", "custody_done", "custody_added", "custody_ended", "custody_bound", "custody_asked", "tagged", "segment_ended", "broadcast_started", "broadcast_paused", "broadcast_resumed", "broadcast_stopped"},
	"receivers.state.": {"open", "probing", "doubted"},
	"help.":            nil, // of commands: cmd/engawa's TestHelp
	"help.wrong.":      {"command", "no_command", "many", "argument", "flag", "required", "value", "no_value", "number", "switch", "file", "folder", "zone", "country", "loopback", "secret", "bare", "both", "open_secrets", "near", "do", "other"},
	"confirm.of.":      {"contact", "contact_at_night"},
	"stop.":            {"marketing", "notice", "service", "marketing.text", "notice.text", "service.text"},
	"members.may.":     {"viewer", "support", "admin", "owner"},
	"key.use.":         {"events", "site", "read", "all", "own", "events.text", "site.text", "read.text", "all.text", "own.text", "app", "app.text"},
	"products.wrong.":  {"id", "name", "entitlements", "months", "days", "group", "level"}, // the fields of purchase.CheckProduct
	// Packs of rules: TestRulesHaveWords of internal/console holds them to what ships.
	"rule.pack.":     nil,
	"rule.says.":     nil,
	"rule.field.":    nil,
	"rule.mark.":     nil,
	"rule.stop.":     nil,
	"tried.change.":  {"send.hold", "send.refuse", "send.send", "hold.send", "hold.refuse", "hold.hold", "refuse.send", "refuse.hold"},
	"grant.purpose.": {"service", "notice", "marketing"},
	"partner.why.":   nil, // partner.Classes: TestClassesHaveWords
	"patterns.": { // inputs of the form
		"name", "name.help", "from", "from.help", "subject", "subject.help", "type", "type.help", "group", "group.help", "issuer", "issuer.help", "kind", "kind.help", "body", "data", "by",
	},
	"patterns.wrong.":     {"name", "from", "subject", "body", "type", "data", "by"},
	"ticket.status.":      {"new", "open", "pending", "hold", "solved", "closed"}, // Zendesk's
	"stop.reason.":        {"bounced", "complained", "blocked", "opted_out", "operator"},
	"byhand.do.":          {"register", "change", "remove"},
	"sent.state.":         {"sent", "waiting", "on", "not"},
	"refunds.state.":      {"open", "granted", "declined", "reversed"},
	"refunds.answer.":     {"proposed", "no_consent", "sending", "retrying", "sent", "refused", "ignored", "late"},
	"refunds.kind.":       {"auto_renewable_subscription", "non_renewing_subscription", "consumable", "non_consumable"},
	"refunds.reason.":     {"unintended_purchase", "fulfillment_issue", "unsatisfied_with_purchase", "legal", "other"},
	"refunds.preference.": {"none", "decline", "grant_full", "grant_prorated"},
	"refunds.delivery.":   {"delivered", "undelivered_quality_issue", "undelivered_wrong_item", "undelivered_server_outage", "undelivered_other"},
	"refunds.act.":        {"propose", "send", "ignore"},
	"refunds.remedy.":     {"rule", "no_rule", "delivery", "sample", "percentage", "no_consent", "withdrawn", "pending", "unreachable", "no_key", "refused", "erased"}, // the codes of internal/refund
	"value.actor.":        {"customer", "admin", "partner", "system"},                                                                                                  // engawa.ActorTypes
	"value.why.":          {"rule", "no_rule", "delivery", "sample", "percentage", "no_consent", "withdrawn", "pending", "unreachable", "no_key", "refused", "erased"},
	"refund.said.":        {"requested", "declined", "refunded", "reversed"},
	"refund.did.":         {"sent", "failed", "refused", "proposed", "withheld", "ignored", "alarmed", "late"},
	"refundrules.":        {"name", "products", "storefronts", "age_from", "age_to", "earlier_from", "earlier_to", "amount_from", "amount_to", "currency"},
	"refundrules.wrong.":  nil, // parts of a rule
	"nav.":                {"today", "live", "messages", "customers", "refunds", "routes", "templates", "accounts", "lanes", "tasks", "settings"},
	"problem.":            nil, // refusals on the pages that change something
	"listed.how.":         {"form", "unclear", "by_hand"},
	"note.":               nil, // why a delivery stands where it stands
	"gate.": {
		"grant", "recipient", "relationship", "consent", "disclosure", "rules", "suppression", "budget",
	},
	"outcome.":    {"send", "hold", "refuse"},
	"delivery.":   {"queued", "held", "sending", "retrying", "accepted", "delivered", "failed", "unknown", "refused", "canceled", "expired"},
	"message.":    {"waiting", "sent", "refused", "failed", "unknown", "canceled", "expired"},
	"attempt.":    {"open", "accepted", "retry", "failed", "unknown"},
	"purpose.":    {"service", "service.security", "service.legal_notice", "service.consent_admin", "notice", "marketing"},
	"trigger.":    {"user", "automatic"},
	"group.":      {"general", "application", "payment", "contract", "store", "custom"},
	"role.":       {"owner", "admin", "support", "viewer"},
	"act.":        {"contact", "contact_at_night", "share_address", "share_usage"},
	"locale.":     {"ja", "ko", "en"},
	"doubt.":      {"unread", "unread.remedy", "unknown", "extra", "partly", "compared", "kinds", "decimal", "value", "open", "unknown.remedy", "partly.remedy", "compared.remedy", "kinds.remedy", "decimal.remedy", "open.remedy"}, // route.What
	"doubt.kind.": {"text", "number", "whole", "truth", "list", "object", "time", "duration", "nothing"},                                                                                                                             // route.Kind
	"trial.": { // message.Difference and message.Aspect
		"added.route", "added.events", "added.condition", "removed.events", "removed.condition",
		"changed.to", "changed.way", "changed.words", "changed.digest", "changed.time", "changed.purpose", "changed.while",
	},
	"route.while.":        {"renewal_off", "unpaid", "expired", "price_pending", "same_plan", "lower_plan", "share_ended", "refunded", "help", "wrong", "none"},
	"figures.chart.":      {"active", "renewals", "cancellations", "refunds", "billing"},
	"figures.series.":     {"active", "renewed", "canceled", "saved", "refunded", "declined", "reversed", "unpaid", "recovered"},
	"figures.share.":      {"cancellations", "billing"},
	"adoption.phase.":     {"start", "life_cycle", "acting", "start.text", "life_cycle.text", "acting.text"},
	"adoption.":           nil, // types of notifications: TestFamiliesHaveWords
	"ready.problem.":      {"product", "level", "channel", "place", "product.remedy", "level.remedy", "channel.remedy", "place.remedy"},
	"outreach.":           nil,                                                                                                                                              // ready-made routes: TestOutreach
	"segments.trait.":     {"tag", "subscription", "consent", "contact", "relationship", "active", "locale", "country", "kind", "minor", "created_after", "created_before"}, // segment.Traits
	"segments.wrong.":     {"tag", "subscription", "consent", "contact", "relationship", "active", "locale", "country", "kind", "minor", "created_after", "created_before"},
	"segments.says.":      {"tag", "country", "minor", "contact", "created_after", "created_before"},
	"segments.stands.":    {"friend", "blocked"},
	"broadcasts.purpose.": {"marketing", "notice", "service"},
	"broadcasts.state.":   {"running", "paused", "stopped", "done"},
	"broadcasts.says.":    {"running", "paused", "stopped", "done"},
	"broadcasts.wrong.":   {"name", "purpose", "words", "channels", "not_before", "expires_at"},
	"weekday.":            {"mon", "tue", "wed", "thu", "fri", "sat", "sun"},
}

// TestEveryKeyHasWords parses the program's Go, generated pages included, and
// holds the keys it asks for against the words there are.
func TestEveryKeyHasWords(t *testing.T) {
	w := load(t)
	used := keysInCode(t)
	for key, where := range used {
		if prefix, open := strings.CutSuffix(key, "*"); open {
			suffixes, declared := computed[prefix]
			if !declared {
				t.Errorf("%s: the keys %s… are put together and not declared in computed", where, prefix)
			}
			for _, s := range suffixes {
				if !w.Has(prefix + s) {
					t.Errorf("%s: no words for %s", where, prefix+s)
				}
			}
			continue
		}
		if !w.Has(key) {
			t.Errorf("%s: no words for %s", where, key)
		}
	}
	for _, key := range w.Keys(engawa.English) {
		if _, ok := used[key]; !ok && !isComputed(key) {
			t.Errorf("nothing says %s: remove it", key)
		}
	}
}

// TestEveryKeyIsSaid: no words are such that the reader gets their key instead.
func TestEveryKeyIsSaid(t *testing.T) {
	w := load(t)
	for _, l := range engawa.Locales {
		for _, key := range w.Keys(l) {
			if got := w.T(l, key, "n", 2); got == key || got == "" {
				t.Errorf("%s says %q in %s", key, got, l)
			}
		}
	}
}

func isComputed(key string) bool {
	for prefix, suffixes := range computed {
		rest, ok := strings.CutPrefix(key, prefix)
		if ok && (suffixes == nil || slices.Contains(suffixes, rest)) {
			return true
		}
	}
	return false
}

// keysInCode maps each key of a call x.T("key", …) or x.T(l, "key", …) to its
// place; "prefix." + expression becomes "prefix.*".
func keysInCode(t *testing.T) map[string]string {
	t.Helper()
	keys := map[string]string{}
	root := repository(t)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil //nolint:nilerr // somebody is writing it; the build says so
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if key := keyOf(call); key != "" {
				rel, _ := filepath.Rel(root, path)
				keys[key] = rel + ":" + strconv.Itoa(set.Position(call.Pos()).Line)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range indirect {
		keys[row] = "handed on as a value"
	}
	return keys
}

// indirect are literal keys that reach T through a parameter.
var indirect = []string{
	"unit.millisecond", "unit.second", "unit.minute", "unit.hour", "unit.day", "money.jpy", "money.krw",
}

func keyOf(call *ast.CallExpr) string {
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || fun.Sel.Name != "T" {
		return ""
	}
	for i, arg := range call.Args {
		if i > 1 {
			break
		}
		switch arg := arg.(type) {
		case *ast.BasicLit:
			if s, err := strconv.Unquote(arg.Value); err == nil && arg.Kind == token.STRING && strings.Contains(s, ".") {
				return s
			}
		case *ast.BinaryExpr:
			if lit := leftmost(arg); lit != "" {
				return lit + "*"
			}
		}
	}
	return ""
}

func leftmost(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return leftmost(e.X)
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return s
		}
	}
	return ""
}

func repository(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

var place = regexp.MustCompile(`\{\{\s*\.?([^{}]*?)\s*\}\}`)

func places(s string) []string {
	var names []string
	for _, m := range place.FindAllStringSubmatch(s, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// sources reads the words of a locale as they stand in the files; of a plural
// the "other" form.
func sources(t *testing.T, l engawa.Locale) map[string]string {
	t.Helper()
	names, err := filepath.Glob("words/*." + string(l) + ".toml")
	if err != nil || len(names) == 0 {
		t.Fatalf("words of %s: %d files, %v", l, len(names), err)
	}
	all := map[string]string{}
	for _, name := range names {
		var file map[string]any
		if _, err := toml.DecodeFile(name, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for key, v := range file {
			switch v := v.(type) {
			case string:
				all[key] = v
			case map[string]any:
				other, ok := v["other"].(string)
				if !ok {
					t.Errorf("%s: %s is a table without \"other\"; write flat quoted keys", name, key)
				}
				all[key] = other
			}
		}
	}
	return all
}

func TestLocalesAgree(t *testing.T) {
	want := sources(t, engawa.English)
	for _, l := range []engawa.Locale{engawa.Japanese, engawa.Korean} {
		got := sources(t, l)
		for key, words := range want {
			mine, ok := got[key]
			switch {
			case !ok:
				t.Errorf("%s: %s is missing", l, key)
			case strings.TrimSpace(mine) == "":
				t.Errorf("%s: %s is empty", l, key)
			case !slices.Equal(places(mine), places(words)):
				t.Errorf("%s: %s takes %v, in English %v", l, key, places(mine), places(words))
			}
		}
		for key := range got {
			if _, ok := want[key]; !ok {
				t.Errorf("en: %s is missing", key)
			}
		}
	}
}

// sameEverywhere are texts that are names or marks, the same in every language.
var sameEverywhere = []string{
	"Engawa", "Chatwork", "LINE", "Webhook", "Zendesk", "App Store", "Stripe", "CSV", "HTML", "ID", "URL", "OK",
	"日本語", "한국어", "English", "{{.n}} ms", "{{.n}} KB", "SMTP", "DKIM", "OpenID Connect", "curl", "API", "STARTTLS",
	"Issuer ID", "Slack", "Microsoft Teams", "Discord", "Telegram", "Google Chat", "POST", "PUT", "PATCH",
}

func TestNoTextIsTheSameInTwoLanguages(t *testing.T) {
	ja, ko, en := sources(t, engawa.Japanese), sources(t, engawa.Korean), sources(t, engawa.English)
	for key := range en {
		for _, pair := range [][2]string{{ja[key], ko[key]}, {ja[key], en[key]}, {ko[key], en[key]}} {
			if pair[0] == pair[1] && pair[0] != "" && !slices.Contains(sameEverywhere, pair[0]) {
				t.Errorf("%s is %q in two languages", key, pair[0])
			}
		}
	}
	hangul, kana := regexp.MustCompile(`\p{Hangul}`), regexp.MustCompile(`[\p{Hiragana}\p{Katakana}]`)
	for key := range en {
		if slices.Contains(sameEverywhere, en[key]) {
			continue
		}
		if hangul.MatchString(ja[key]) || kana.MatchString(ko[key]) || kana.MatchString(en[key]) || hangul.MatchString(en[key]) {
			if !strings.Contains(en[key], "광고") && !strings.Contains(ja[key], "광고") {
				t.Errorf("%s has letters of another language: %q %q %q", key, ja[key], ko[key], en[key])
			}
		}
	}
}

func TestPlural(t *testing.T) {
	w := load(t)
	for _, c := range []struct {
		l    engawa.Locale
		n    int
		want string
	}{
		{engawa.English, 1, "1 day"},
		{engawa.English, 2, "2 days"},
		{engawa.English, 1284, "1,284 days"},
		{engawa.Japanese, 1, "1日"},
		{engawa.Korean, 1284, "1,284일"},
	} {
		if got := w.T(c.l, "unit.day", "n", c.n); got != c.want {
			t.Errorf("%s %d: %q, want %q", c.l, c.n, got, c.want)
		}
	}
	if got := w.T(engawa.Japanese, "no.such.key"); got != "no.such.key" {
		t.Errorf("a missing key gives %q", got)
	}
}

func TestTimes(t *testing.T) {
	w := load(t)
	tokyo := time.FixedZone("JST", 9*3600)
	at := time.Date(2026, 11, 23, 13, 40, 2, 0, time.UTC)
	for l, want := range map[engawa.Locale]string{
		engawa.Japanese: "11月23日(月) 22:40",
		engawa.Korean:   "11월 23일 (월) 22:40",
		engawa.English:  "Mon 23 Nov 22:40",
	} {
		if got := w.For(l, tokyo).Time(at); got != want {
			t.Errorf("%s: %q, want %q", l, got, want)
		}
	}
	v := w.For(engawa.English, tokyo)
	for d, want := range map[time.Duration]string{
		-time.Second: "0 ms", 340 * time.Millisecond: "340 ms", 42 * time.Second: "42 s",
		10 * time.Minute: "10 min", 2*time.Hour + 48*time.Minute: "2 h 48 min", 49 * time.Hour: "2 days 1 h",
	} {
		if got := v.Duration(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	for _, c := range []struct {
		l        engawa.Locale
		amount   int64
		currency string
		want     string
	}{
		{engawa.Japanese, 12800, "JPY", "12,800円"},
		{engawa.Korean, 12800, "KRW", "12,800원"},
		{engawa.English, 12800, "jpy", "JPY 12,800"},
		{engawa.English, 1905, "USD", "USD 19.05"},
		{engawa.Japanese, -300, "JPY", "-300円"},
	} {
		if got := w.For(c.l, tokyo).Money(c.amount, c.currency); got != c.want {
			t.Errorf("%s %d %s: %q, want %q", c.l, c.amount, c.currency, got, c.want)
		}
	}
}

func TestNegotiate(t *testing.T) {
	for header, want := range map[string]engawa.Locale{
		"ko-KR,ko;q=0.9,en;q=0.5": engawa.Korean,
		"fr, ja;q=0.3":            engawa.Japanese,
		"de":                      engawa.English,
		"":                        engawa.English,
		"\x00;;":                  engawa.English,
	} {
		if got := text.Negotiate(header, engawa.English); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

func TestReasonWithoutWordsNamesItsCode(t *testing.T) {
	w := load(t)
	got, remedy := w.Reason(engawa.English, engawa.Reason{Code: "no_such_code"})
	if got != "verdict.no_such_code" || remedy != "" {
		t.Errorf("%q %q", got, remedy)
	}
}

// The command line and the hub need the words in one process: 2 MB each time.
func TestLoadOnce(t *testing.T) {
	first, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := text.Load(); again != first || err != nil {
		t.Errorf("read again (%v)", err)
	}
}
