package catalogue_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/catalogue"
)

// promised are the types that the product names (PRODUCT.md, and §2.2 of the
// reference that the catalogue was drawn from), by group, as an operator expects
// them, and those that are told only to who asks.
var promised = map[string]string{
	"general":     "member.provisional member.registered member.updated? member.deleted? member.link.reissued? mail.bounced mail.blocked mail.complained mail.replied? site.maintenance.changed mail.delayed? mail.delivered? mail.auto_replied? task.raised? task.due task.overdue",
	"application": "application.completed",
	"payment": "payment.application.failed payment.recurring.failed payment.recurring.recovered payment.authentication.requested? payment.confirmed? payment.refunded? " +
		"payment.disputed? payment.reminder.sent?",
	"contract": "contract.termination.reserved contract.termination.withdrawn contract.terminated contract.suspended contract.resumed contract.cancelled? contract.started? contract.trial.ending?",
	"custom": "delivery.failed? delivery.fell_back? manual_task.opened? manual_task.closed? consent.granted? consent.withdrawn? app.subscription.started? app.subscription.ended? " +
		"app.subscription.plan_changed? app.subscription.options_changed? app.subscription.force_stopped? app.subscription.force_stop_cancelled? app.scope.approval_pending? " +
		"chatwork.message.created? chatwork.message.updated? chatwork.mention.created?",
}

func TestPromised(t *testing.T) {
	got := map[string]string{}
	for _, typ := range catalogue.Types() {
		if typ.Kind == catalogue.Store {
			continue
		}
		name := typ.Name
		if typ.OptIn {
			name += "?"
		}
		got[typ.Group()] = strings.TrimSpace(got[typ.Group()] + " " + name)
	}
	for group, want := range promised {
		if group == "custom" { // the hub's own and its channels': each channel that comes adds some
			for name := range strings.FieldsSeq(want) {
				if !slices.Contains(strings.Fields(got[group]), name) {
					t.Errorf("%s is promised", name)
				}
			}
			continue
		}
		if got[group] != want {
			t.Errorf("%s has\n%s, promised is\n%s", group, got[group], want)
		}
	}
	if len(got) != len(promised) {
		t.Errorf("there are groups nobody promised: %v", got)
	}
}

// TestTypes: what each type says of itself holds.
func TestTypes(t *testing.T) {
	kinds := []catalogue.Kind{catalogue.Business, catalogue.Mail, catalogue.Store, catalogue.System}
	seen := map[string]bool{}
	for _, typ := range catalogue.Types() {
		if seen[typ.Name] || !slices.Contains(kinds, typ.Kind) || len(typ.Sample) == 0 {
			t.Errorf("%s is there twice, of kind %q, or without a sample", typ.Name, typ.Kind)
		}
		seen[typ.Name] = true
		if found, ok := catalogue.Find(typ.Name); !ok || found.Name != typ.Name {
			t.Errorf("%s cannot be found", typ.Name)
		}
		if err := typ.Schema.Check(typ.Sample); err != nil {
			t.Errorf("the sample of %s: %v", typ.Name, err)
		}
		for _, v := range typ.Variants {
			if err := typ.Schema.Check(v.Sample); err != nil {
				t.Errorf("the sample of %s, %s: %v", typ.Name, v.Name, err)
			}
		}
		if typ.Schema.Type != "object" || len(typ.Schema.Fields()) == 0 {
			t.Errorf("%s says nothing of its data", typ.Name)
		}
		if err := typ.Schema.Check([]byte(`{"more_than_we_know":{"x":[1]},` + string(typ.Sample)[1:])); err != nil {
			t.Errorf("%s refuses what it does not know: %v", typ.Name, err)
		}
		for _, r := range typ.Related {
			if other, ok := catalogue.Find(r.Type); !ok || len(r.By) == 0 || other.Name == typ.Name {
				t.Errorf("%s is related to %s by %v", typ.Name, r.Type, r.By)
			}
			if d, err := time.ParseDuration(r.Within); err != nil || d <= 0 || d > catalogue.Furthest {
				t.Errorf("%s is related within %q", typ.Name, r.Within)
			}
		}
	}
}

// TestEndings keeps the three ends of a contract apart: what was booked has its
// day before it, what ended has it behind, and what was called off never ran.
func TestEndings(t *testing.T) {
	fields := func(name string) (paths []string) {
		typ, _ := catalogue.Find(name)
		for _, f := range typ.Schema.Fields() {
			paths = append(paths, f.Path)
			if f.Required {
				paths = append(paths, f.Path+"!")
			}
		}
		return paths
	}
	for name, want := range map[string][3]bool{ // effective_on!, ended_on, refund
		"contract.termination.reserved": {true, false, false},
		"contract.terminated":           {false, true, false},
		"contract.cancelled":            {false, false, true},
	} {
		has := fields(name)
		if got := [3]bool{slices.Contains(has, "effective_on!"), slices.Contains(has, "ended_on"), slices.Contains(has, "refund")}; got != want {
			t.Errorf("%s has effective_on!, ended_on, refund: %v, want %v", name, got, want)
		}
	}
}

func TestOneCause(t *testing.T) {
	at := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	sample := func(name string) engawa.Event {
		typ, _ := catalogue.Find(name)
		return engawa.Event{Type: name, OccurredAt: at, Data: typ.Sample}
	}
	failed, suspended := sample("payment.recurring.failed"), sample("contract.suspended")
	with := func(data string) engawa.Event {
		e := suspended
		e.Data = []byte(data)
		return e
	}
	late, other := suspended, suspended
	late.OccurredAt, other.Type = at.Add(25*time.Hour), "contract.resumed"
	for name, c := range map[string]struct {
		b    engawa.Event
		want bool
	}{
		"the same correlation":                   {suspended, true},
		"another correlation, the same contract": {with(`{"correlation":"invoice:in_99","c":{"id":"456"}}`), false},
		"no correlation, the same contract":      {with(`{"c":{"id":"456"}}`), true},
		"no correlation, another contract":       {with(`{"c":{"id":"457"}}`), false},
		"nothing to go by":                       {with(`{}`), false},
		"a day later":                            {late, false},
		"a type that is not related":             {other, false},
	} {
		if catalogue.OneCause(failed, c.b) != c.want || catalogue.OneCause(c.b, failed) != c.want {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
	for _, pair := range [][2]string{{"payment.recurring.recovered", "contract.resumed"}, {"payment.refunded", "contract.cancelled"}, {"member.provisional", "application.completed"}} {
		if !catalogue.OneCause(sample(pair[0]), sample(pair[1])) || !catalogue.OneCause(sample(pair[1]), sample(pair[0])) {
			t.Errorf("the samples of %v are of one cause", pair)
		}
	}
}

// TestMarks: what OneCause holds for one cause shares a mark, or nobody would ask it.
func TestMarks(t *testing.T) {
	for _, typ := range catalogue.Types() {
		e := engawa.Event{Type: typ.Name, Data: typ.Sample}
		if (len(catalogue.Marks(e)) > 0) != (len(typ.Related) > 0) {
			t.Errorf("%s has the marks %v and %d relations", typ.Name, catalogue.Marks(e), len(typ.Related))
		}
		for _, r := range typ.Related {
			other, _ := catalogue.Find(r.Type)
			o := engawa.Event{Type: r.Type, Data: other.Sample}
			if catalogue.OneCause(e, o) && !slices.ContainsFunc(catalogue.Marks(e), func(m string) bool { return slices.Contains(catalogue.Marks(o), m) }) {
				t.Errorf("%s and %s share no mark", e.Type, o.Type)
			}
			if !slices.Equal(catalogue.Kin(typ.Name), []string{typ.Name, r.Type}) {
				t.Errorf("the kin of %s is %v", typ.Name, catalogue.Kin(typ.Name))
			}
		}
	}
	if got := catalogue.Marks(engawa.Event{Type: "payment.recurring.failed", Data: []byte(`{"c":{"id":"456"},"m":{"id":"123"}}`)}); !slices.Equal(got, []string{"c.id=456"}) {
		t.Errorf("marks: %v", got)
	}
}

// TestStore: every notification that the App Store's adapter knows is in the
// catalogue, and the schema names what the adapter writes, in its order.
func TestStore(t *testing.T) {
	n := 0
	for _, typ := range appstore.Types {
		c, ok := catalogue.Find(typ.Event())
		if !ok || c.Kind != catalogue.Store || c.Group() != "store" {
			t.Errorf("%s is not in the catalogue as the store's", typ.Event())
			continue
		}
		n++
		if got, want := paths(c.Schema.Fields()), members(reflect.TypeFor[appstore.Facts](), ""); !slices.Equal(got, want) {
			t.Fatalf("the catalogue has\n%v, the adapter writes\n%v", got, want)
		}
	}
	for _, typ := range catalogue.Types() {
		if typ.Kind == catalogue.Store {
			n--
		}
	}
	if n != 0 {
		t.Errorf("the catalogue has %d types of the store too many", -n)
	}
}

func paths(fields []catalogue.Field) (all []string) {
	for _, f := range fields {
		all = append(all, f.Path+" "+f.Type)
	}
	return all
}

func members(of reflect.Type, prefix string) (all []string) {
	for f := range of.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		typ := f.Type
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		switch {
		case typ == reflect.TypeFor[time.Time]() || typ.Kind() == reflect.String:
			all = append(all, prefix+name+" string")
		case typ.Kind() == reflect.Struct:
			all = append(append(all, prefix+name+" object"), members(typ, prefix+name+".")...)
		default:
			all = append(all, prefix+name+" "+map[reflect.Kind]string{reflect.Bool: "boolean", reflect.Int64: "integer", reflect.Slice: "array"}[typ.Kind()])
		}
	}
	return all
}

func TestOwnType(t *testing.T) {
	good := engawa.EventType{
		Type: "shop.order.shipped", Names: map[engawa.Locale]string{"ja": "発送しました", "ko": "발송했습니다", "en": "Shipped"},
		Schema: []byte(`{"type":"object","properties":{"order":{"type":"string"}},"required":["order"]}`), Sample: []byte(`{"order":"7"}`),
	}
	typ, err := catalogue.OwnType(good)
	if err != nil || typ.Kind != catalogue.Own || typ.Group() != "custom" {
		t.Fatal(typ, err)
	}
	for place, spoil := range map[string]func(*engawa.EventType){
		"/type":          func(e *engawa.EventType) { e.Type = "contract.terminated" },
		"/type ":         func(e *engawa.EventType) { e.Type = "store.new_thing" },
		"/type  ":        func(e *engawa.EventType) { e.Type = "Order" },
		"/names/ko":      func(e *engawa.EventType) { e.Names = map[engawa.Locale]string{"ja": "あ", "en": "a"} },
		"/names/en":      func(e *engawa.EventType) { e.Names = map[engawa.Locale]string{"ja": "あ", "ko": "가", "en": "{{x}}"} },
		"/schema/type":   func(e *engawa.EventType) { e.Schema = []byte(`{"type":"array"}`) },
		"/sample/order":  func(e *engawa.EventType) { e.Sample = []byte(`{"order":7}`) },
		"/sample/order ": func(e *engawa.EventType) { e.Sample = []byte(`{}`) },
	} {
		bad := good
		spoil(&bad)
		_, err := catalogue.OwnType(bad)
		e, ok := err.(*engawa.Error)
		if !ok || e.Field != strings.TrimSpace(place) || e.Remedy == "" {
			t.Errorf("%s: %v", place, err)
		}
	}
	good.Type = "payment.points.expired"
	if typ, err := catalogue.OwnType(good); err != nil || typ.Group() != "payment" {
		t.Errorf("a name puts its type into a group: %v %v", typ.Group(), err)
	}
}
