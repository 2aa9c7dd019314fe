package segment_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/segment"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
)

const ws = "ws_hinata"

// TestCheck: what is wrong with a condition is said with its place, what was seen and
// what is allowed; what is right stays, with its tags tidied.
func TestCheck(t *testing.T) {
	deep := strings.Repeat(`{"all":[`, 5) + `{"is":"minor"}` + strings.Repeat(`]}`, 5)
	many := `{"all":[` + strings.TrimSuffix(strings.Repeat(`{"is":"minor"},`, 51), ",") + `]}`
	for text, want := range map[string]struct{ field, says string }{
		`[]`:                                                 {"/where", "no condition"},
		`{"all":[]} {}`:                                      {"/where", "more behind"},
		`{"every":[]}`:                                       {"/where", "unknown field"},
		`{"is":"colour"}`:                                    {"/where/is", `"colour" is nothing to ask`},
		`{"value":"vip"}`:                                    {"/where/value", "stands by itself"},
		`{"is":"tag"}`:                                       {"/where/value", "tag has no value"},
		`{"is":"minor","value":"yes"}`:                       {"/where/value", "minor has no value"},
		`{"is":"tag","value":"a,b"}`:                         {"/where/value", "comma"},
		`{"is":"kind","value":"company"}`:                    {"/where/value", `"company"`},
		`{"is":"locale","value":"fr"}`:                       {"/where/value", `"fr"`},
		`{"is":"country","value":"Japan"}`:                   {"/where/value", `"Japan"`},
		`{"is":"subscription","subscription":"on"}`:          {"/where/subscription", `"on"`},
		`{"is":"consent","purpose":"service"}`:               {"/where/purpose", `"service"`},
		`{"is":"active","days":9999}`:                        {"/where/days", `"9999"`},
		`{"is":"created_after"}`:                             {"/where/at", "has no at"},
		`{"all":[{"is":"minor"}],"any":[{"is":"minor"}]}`:    {"/where", "both all and any"},
		`{"all":[{"is":"minor"}],"is":"minor"}`:              {"/where", "also is"},
		`{"all":[{"is":"minor"},{"any":[{"is":"locale"}]}]}`: {"/where/all/1/any/0/value", "has no value"},
		`{"is":"contact","channel":"` + strings.Repeat("x", 201) + `"}`: {"/where/channel", "201 letters"},
		deep: {"/where/all/0/all/0/all/0/all/0", "5 deep"},
		many: {"/where", "51 things"},
	} {
		_, err := segment.Parse("/where", []byte(text))
		e, _ := err.(*engawa.Error)
		if e == nil || e.Field != want.field || !strings.Contains(e.Message, want.says) || e.Remedy == "" {
			t.Errorf("%.80s: %+v", text, e)
		}
	}
	c, err := segment.Parse("/where", []byte(`{"any":[{"is":"tag","value":" ＶＩＰ ","not":true},{"all":[]},{"is":"country"}]}`))
	if err != nil || len(c.Any) != 3 || c.Any[0].Value != "vip" || !c.Any[0].Not {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestMatches: what each trait means.
func TestMatches(t *testing.T) {
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	decided := func(given bool, days int, channel, topic string) engawa.Consent {
		return engawa.Consent{Controller: engawa.ControllerWorkspace, Act: engawa.ActContact, Purpose: engawa.Marketing, Channel: channel, Topic: topic, Given: given, At: ago(days)}
	}
	april := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	p := engawa.Profile{
		Customer: engawa.Customer{Kind: "person", Locale: "ko", CreatedAt: april}, Tags: []string{"vip"}, ActiveAt: ago(30),
		Subscriptions: []engawa.Subscription{{App: "app_1", Product: "monthly", State: "active"}, {App: "app_2", Product: "yearly", State: "expired"}},
		Points:        []engawa.ContactPoint{{Kind: "mail", VerifiedAt: now}, {Kind: "line"}}, Relations: []engawa.Relation{{Account: "acc_line", State: "friend"}},
		Consents: []engawa.Consent{decided(true, 9, "", ""), decided(false, 5, "line", ""), decided(false, 20, "", "sale")},
	}
	for text, want := range map[string]bool{
		`{}`: true, `{"not":true}`: false,
		`{"is":"tag","value":"vip"}`: true, `{"is":"tag","value":"vi"}`: false, `{"is":"tag","value":"vip","not":true}`: false,
		`{"is":"kind","value":"contract"}`: false, `{"is":"locale","value":"ko"}`: true, `{"is":"country"}`: true, `{"is":"country","value":"KR"}`: false, `{"is":"minor"}`: false,
		`{"is":"subscription"}`: true, `{"is":"subscription","app":"app_1","subscription":"active"}`: true, `{"is":"subscription","app":"app_2","subscription":"active"}`: false,
		`{"is":"contact","channel":"mail"}`: true, `{"is":"contact","channel":"line"}`: false, // not verified
		`{"is":"relationship","value":"friend"}`: true, `{"is":"relationship","value":"friend","account":"acc_other"}`: false,
		`{"is":"active","days":30}`: true, `{"is":"active","days":29}`: false,
		`{"is":"created_after","at":"2026-04-01T00:00:00Z"}`: true, `{"is":"created_before","at":"2026-04-01T00:00:00Z"}`: false,
		`{"is":"consent","purpose":"marketing"}`: true, `{"is":"consent","purpose":"notice"}`: false, `{"is":"consent","purpose":"marketing","channel":"mail"}`: true,
		`{"is":"consent","purpose":"marketing","channel":"line"}`: false, // withdrawn since
		`{"is":"consent","purpose":"marketing","topic":"sale"}`:   false, // a topic's withdrawal outlives a later consent in general
		`{"all":[{"is":"minor"},{"is":"country"}]}`:               false, `{"any":[{"is":"minor"},{"is":"country"}]}`: true, `{"any":[{"is":"minor"}],"not":true}`: true,
	} {
		c, err := segment.Parse("", []byte(text))
		if got := segment.Matches(c, p, now); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

// TestSQL holds what the store selects against Matches, of random conditions on
// random customers, and shows that who was erased or merged is not among them.
func TestSQL(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		st, err := store.Open(t.Context(), url, vault.New(vault.Generate(time.Now())))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		r := chance{rand.New(rand.NewPCG(seed, 1)), t, st}
		ids := r.people(40)
		profiles, err := st.Profiles(t.Context(), ws, ids, segment.Of(ws, engawa.Condition{}).Idle)
		r.must(err)
		if len(profiles) != len(ids)-2 {
			t.Fatalf("%d profiles of %d customers, of whom two are no more", len(profiles), len(ids))
		}
		both := 0 // conditions that held of some and not of others
		for range 200 {
			c, err := segment.Check("", r.condition(0))
			r.must(err)
			of := segment.Of(ws, c)
			var want []string
			for _, p := range profiles {
				if segment.Matches(c, p, of.Now) {
					want = append(want, p.Customer.ID)
				}
			}
			got, err := st.Selected(t.Context(), of, "", 1000)
			r.must(err)
			n, err := st.CountSelected(t.Context(), of)
			r.must(err)
			if !slices.Equal(got, want) || n != len(want) {
				t.Fatalf("%+v\nselects %v (%d)\nmatches %v", c, got, n, want)
			}
			if n > 0 && n < len(profiles) {
				both++
			}
		}
		if both < 60 {
			t.Errorf("only %d conditions told customers apart", both)
		}
	})
}

type chance struct {
	*rand.Rand
	t  *testing.T
	st *store.Store
}

func (r chance) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r chance) of(all ...string) string { return all[r.IntN(len(all))] }

func (r chance) ago(days int) time.Time {
	return time.Now().Add(-time.Duration(r.IntN(days*24)) * time.Hour).UTC().Truncate(time.Microsecond)
}

// people adds n customers in ascending order of their ids.
func (r chance) people(n int) (ids []string) {
	ctx := r.t.Context()
	r.must(r.st.AddWorkspace(ctx, engawa.Workspace{ID: ws, Name: "ひなた珈琲", Zone: "Asia/Tokyo", Country: "JP", CreatedAt: time.Now()}))
	for i := range n {
		id, kind := fmt.Sprintf("cus_%03d", i), r.of("person", "contract")
		if i < 3 { // of whom two are merged
			kind = "person"
		}
		ids = append(ids, id)
		c := store.NewCustomer{Customer: engawa.Customer{
			Workspace: ws, ID: id, Kind: kind, Locale: engawa.Locale(r.of("ja", "ko", "en")), Country: r.of("JP", "KR", ""), Minor: r.IntN(5) == 0, CreatedAt: r.ago(60),
		}}
		for k, channel := range []string{"mail", "line"} {
			point := engawa.ContactPoint{Workspace: ws, ID: fmt.Sprintf("cp_%s_%d", id, k), Customer: id, Kind: channel, Address: engawa.Address(id + "@customer.example"), CreatedAt: time.Now()}
			if r.IntN(3) > 0 {
				point.VerifiedAt = time.Now()
			}
			if r.IntN(3) > 0 {
				c.ContactPoints = append(c.ContactPoints, point)
			}
		}
		for range r.IntN(9) {
			c.Consents = append(c.Consents, engawa.Consent{
				Workspace: ws, ID: engawa.NewID("cns"), Customer: id, Controller: r.of("workspace", "workspace", "ptn_1"), Act: engawa.Act(r.of("contact", "contact", "contact_at_night")),
				Purpose: engawa.Purpose(r.of("marketing", "marketing", "notice", "service", "odd")), App: r.of("", "", "app_1"), Channel: r.of("", "mail", "line"), Topic: r.of("", "", "sale"),
				Given: r.IntN(3) > 0, Pending: r.IntN(6) == 0, At: r.ago(2).Truncate(24 * time.Hour),
			})
		}
		r.must(r.st.AddCustomer(ctx, c))
		for _, p := range c.ContactPoints {
			if r.IntN(2) == 0 {
				r.must(r.st.Relate(ctx, ws, r.of("acc_1", "acc_2"), p.ID, r.of("friend", "blocked")))
			}
			if r.IntN(6) == 0 {
				r.must(r.st.EndContactPoint(ctx, ws, id, p.ID))
			}
		}
		for _, app := range []string{"app_1", "app_2"} {
			if r.IntN(2) == 0 {
				_, err := r.st.SaveSubscription(ctx, engawa.Subscription{
					Workspace: ws, Customer: id, App: app, Product: r.of("monthly", "yearly"), State: engawa.SubscriptionState(r.of("active", "expired")), StartsAt: r.ago(9), Environment: r.of("production", "production", "sandbox"),
				})
				r.must(err)
			}
		}
		for _, tag := range []string{"vip", "春"} {
			if r.IntN(2) == 0 {
				r.must(r.st.TagCustomer(ctx, ws, id, []string{tag}, nil))
			}
		}
		for k := range r.IntN(3) {
			at := r.ago(30)
			_, err := r.st.Journal(ctx, []engawa.Event{{
				Workspace: ws, ID: engawa.NewOrderedID("evt", at), Account: "api", Type: r.of("shop.visited", "store.did_renew", "mail.replied"), DedupKey: fmt.Sprint(id, k), Customer: id, OccurredAt: at, ReceivedAt: at,
			}})
			r.must(err)
		}
		if r.IntN(8) == 0 {
			r.must(r.st.SeePage(ctx, ws, id))
		}
	}
	_, err := r.st.Erase(ctx, ws, ids[0])
	r.must(err)
	_, err = r.st.Merge(ctx, store.Merge{Workspace: ws, Into: ids[1], From: ids[2], Narrow: func(_, _ []engawa.Consent, _ time.Time) []engawa.Consent { return nil }})
	r.must(err)
	return ids
}

func (r chance) condition(depth int) engawa.Condition {
	c := engawa.Condition{Not: r.IntN(4) == 0}
	if depth < 2 && r.IntN(3) == 0 {
		var part []engawa.Condition
		for range 1 + r.IntN(3) {
			part = append(part, r.condition(depth+1))
		}
		if r.IntN(2) == 0 {
			c.All = part
		} else {
			c.Any = part
		}
		return c
	}
	when := r.ago(60)
	switch c.Is = segment.Traits[r.IntN(len(segment.Traits))]; c.Is {
	case engawa.TraitTag:
		c.Value = r.of("vip", "春", "nobody's")
	case engawa.TraitKind:
		c.Value = r.of("person", "contract")
	case engawa.TraitLocale:
		c.Value = r.of("ja", "ko", "en")
	case engawa.TraitCountry:
		c.Value = r.of("JP", "KR", "")
	case engawa.TraitSubscription:
		c.App, c.Product, c.Subscription = r.of("", "app_1", "app_2"), r.of("", "", "monthly"), engawa.SubscriptionState(r.of("", "active", "expired"))
	case engawa.TraitConsent:
		c.Purpose, c.App, c.Channel, c.Topic = engawa.Purpose(r.of("marketing", "notice")), r.of("", "app_1"), r.of("", "mail", "line"), r.of("", "sale")
	case engawa.TraitContact:
		c.Channel = r.of("mail", "line", "kakao")
	case engawa.TraitRelationship:
		c.Value, c.Account = r.of("friend", "blocked"), r.of("", "acc_1")
	case engawa.TraitActive:
		c.Days = 1 + r.IntN(30)
	case engawa.TraitCreatedAfter, engawa.TraitCreatedBefore:
		c.At = &when
	case engawa.TraitMinor:
	}
	return c
}
