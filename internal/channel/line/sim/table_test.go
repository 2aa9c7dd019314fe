package sim

import (
	"flag"
	"testing"

	"github.com/engawa/engawa/internal/rude/rudetest"
)

var update = flag.Bool("update", false, "print docs/line-sim.md anew")

// TestTable prints the cases in docs/line-sim.md.
func TestTable(t *testing.T) {
	rudetest.Table(t, "../../../../docs/line-sim.md", *update, []rudetest.Part{
		{Title: "Tokens", Cases: []rudetest.Case{
			{Says: "no `Authorization`, a malformed, unknown, expired or revoked token: 401, each in LINE's words", Test: TestUnauthorized},
			{Says: "short-lived: 30 days, the 31st ends the oldest; revoking answers 200 whatever the text", Test: TestTokens},
			{Says: "stateless: 15 minutes, and cannot be revoked", Test: TestTokens},
			{Says: "long-lived: reissued, the old one lives for a day more", Test: TestTokens},
			{Says: "a reissued channel secret: nothing is minted with the old one", Test: TestTokens},
			{Says: "v2.1: for a JWT of an assertion key, 30 of them, then 400; listed by key id; revoked", Test: TestAssertions},
		}},
		{Title: "Requests", Cases: []rudetest.Case{
			{Says: "an unknown path, or a path of the other host: 404; another method: 405", Test: TestRequests},
			{Says: "beyond 2 MB: 413; no JSON: 400; a value of another type or an id that is none: 400 `The property, …`", Test: TestRequests},
			{Says: "`null` for `customAggregationUnits` and unknown names are taken, as the official SDK sends them", Test: TestRequests},
			{Says: "message objects: sizes in UTF-16 units, 1 to 5 of them, actions wherever they are; all that is wrong in `details`", Test: TestMessages},
			{Says: "buckets for an endpoint of a channel; empty: 429 without `Retry-After`", Test: TestRates},
			{Says: "too many pushes to one user: 429", Test: TestRates},
		}},
		{Title: "Sending", Cases: []rudetest.Case{
			{Says: "push to a friend, or to who wrote within 7 days: delivered and counted; to who blocks, has gone or never was one: 200, neither", Test: TestPush},
			{Says: "push to an id of another provider: 400 `Failed to send messages`", Test: TestPush},
			{Says: "multicast: each friend once, ids of another provider by the option; broadcast: all friends", Test: TestMulticast},
			{Says: "a retry key that was accepted: 409 with the accepted request's id, and for push its `sentMessages`; a day later the message goes out again; a refusal is not kept", Test: TestRetryKeys},
			{Says: "beyond the plan: 429 `You have reached your monthly limit.`, and nothing goes out; months and days are Japan's", Test: TestQuota},
			{Says: "names of units: a thousand a month, then sent without", Test: TestUnits},
			{Says: "replies: once, within a minute of the event's arrival, free; after a redelivery not 20 minutes after the event", Test: TestReplies},
		}},
		{Title: "Users", Cases: []rudetest.Case{
			{Says: "profile: friends alone; the language only where they tell it", Test: TestUsers},
			{Says: "followers: verified accounts alone (403), 1 to 1,000 a page, a continuation that is good for a day; short pages where no number was asked for", Test: TestUsers},
			{Says: "what a person taps: a postback with a reply token, a message, a link", Test: TestTaps},
			{Says: "groups: joined, written in, replied to, pushed to (each member counts), members for verified accounts alone, left", Test: TestGroups},
			{Says: "images, films, sounds and files that people send, from the other host; marked as read by token", Test: TestContent},
			{Says: "roles of provider, channel and OA Manager are three lists; only an admin of the last deletes", Test: TestRoles},
		}},
		{Title: "Rich menus, coupons, audiences, numbers", Cases: []rudetest.Case{
			{Says: "rich menus: sizes and areas; an image once, JPEG or PNG, 1 MB, as large as the menu; shown only with it; a user's own before the default; bulk and batch", Test: TestMenus},
			{Says: "aliases of rich menus; 100 rich menus in an hour", Test: TestAliases},
			{Says: "coupons cannot be changed; closed once, then 410; what is closed cannot be sent", Test: TestCoupons},
			{Says: "audiences: ready after a while, 180 days; the members cannot be read, a number below 20 is 0; by JSON and by file", Test: TestAudiences},
			{Says: "narrowcast: reserves what it may use; by audience, earlier request and their combinations; errors 2, 4 and 5 come later; 14 days", Test: TestNarrowcast},
			{Says: "taps of a rich menu; nothing below 20 people", Test: TestMenuInsight},
			{Says: "paid plans: listed, who has which, who joined", Test: TestMemberships},
			{Says: "insight: of days that are over; followers never fall; none below 20 people", Test: TestInsight},
		}},
		{Title: "Identity", Cases: []rudetest.Case{
			{Says: "account link: once, within 10 minutes, by whom it was made for; another's fails without a source, an old one tells nothing", Test: TestAccountLink},
			{Says: "LINE Login: a code once, within 10 minutes; `sub` is the provider's user id; id tokens verified by channel, nonce, user and time; the friendship flag", Test: TestLogin},
			{Says: "LIFF: the endpoint with what the link adds, tokens behind the `#`; nothing before the channel is published; apps by the Login channel's token", Test: TestLIFF},
			{Says: "links that add an account (with the segment of a poster), or write a message beforehand, which the person may change", Test: TestLinks},
		}},
		{Title: "Webhooks", Cases: []rudetest.Case{
			{Says: "follow (unblocked or not), unfollow, message, unsend; reply tokens where LINE gives them, none in standby", Test: TestWebhooks},
			{Says: "the signature is over the bytes as they are", Test: TestSignature},
			{Says: "names in any order, spaces, unknown fields and events, several people in one", Test: TestRudeWebhooks},
			{Says: "not taken within 2 seconds: again, in another order, with the same ids, if the console's switch is on; else lost", Test: TestRedelivery},
			{Says: "the endpoint over the API: https, 500 characters, acts after a while; its test posts no events and says how it went", Test: TestEndpoint},
		}},
		{Title: "For who plays with it", Cases: []rudetest.Case{
			{Says: "faults by script, also after the message was accepted", Test: TestFaults},
			{Says: "the scenario \"vendor to own\": 1,200 people in 4 segments, 15 % who block and 30 % who are silent; humans who tap, pass the link on, or block", Test: TestMove},
			{Says: "its sizes are parameters, and a seed says who is who", Test: TestMoveSizes},
			{Says: "its words in three languages", Test: TestWords},
			{Says: "the telephone at `/`: add, block, write, unsend, tap, scan, open, pass on; pages of LINE's that a browser is sent to are opened there", Test: TestPhone},
			{Says: "`/_sim`: accounts, log, clock, reset", Test: TestControl},
			{Says: "by itself it fails 7 calls in 100", Test: TestRude},
			{Says: "what a client must not do is answered as LINE answers and noted: a token in the URL, no `User-Agent`, sent to who is known to block, a refused request again, a retry without its key …", Test: TestMistakes},
		}},
	})
}
