package api_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/follow/followtest"
)

// TestAppGuide holds the code of docs/app-store/app.md to the document: what it
// reads of an answer is there, and what it calls is.
func TestAppGuide(t *testing.T) {
	page, err := os.ReadFile("../../docs/app-store/app.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	document := string(text)
	structs := regexp.MustCompile(`struct (\w+): Decodable \{(.*)\}`).FindAllStringSubmatch(string(page), -1)
	schemas := map[string]string{"Entered": "AppEntered", "Entitlement": "AppEntitlement", "Signed": "AppSignature", "Kept": "AppUsage"}
	if len(structs) != len(schemas) {
		t.Errorf("the guide reads %d answers, not %d", len(structs), len(schemas))
	}
	for _, s := range structs {
		_, schema, ok := strings.Cut(document, "\n    "+schemas[s[1]]+":\n")
		if !ok {
			t.Fatalf("%s: no schema %q", s[1], schemas[s[1]])
		}
		schema, _, _ = strings.Cut(schema, "\n      type: object\n")
		for _, member := range regexp.MustCompile(`let (\w+):`).FindAllStringSubmatch(s[2], -1) {
			if !strings.Contains(schema, "\n        "+member[1]+":\n") {
				t.Errorf("%s reads %q, which %s lacks", s[1], member[1], schemas[s[1]])
			}
		}
	}
	calls := regexp.MustCompile(`ask\("([^"]+)", "([^"]+)"`).FindAllStringSubmatch(string(page), -1)
	if n := strings.Count(string(page), `ask("`); n < 3 || n != len(calls) {
		t.Errorf("the guide has %d calls, %d of them with a method", n, len(calls))
	}
	calls = append(calls, regexp.MustCompile("`(GET|POST) ([a-z-]+(?:/\\{id\\})?(?::[a-z]+)?)`").FindAllStringSubmatch(string(page), -1)...)
	for _, c := range calls {
		_, path, ok := strings.Cut(document, "\n  /v1/app/"+c[2]+":\n")
		path, _, _ = strings.Cut(path, "\n  /")
		if !ok || !strings.Contains("\n"+path, "\n    "+strings.ToLower(c[1])+":\n") {
			t.Errorf("the guide calls %s %q, which there is not", c[1], c[2])
		}
	}
	if len(calls) < 10 {
		t.Errorf("the guide has %d calls", len(calls))
	}
	if a, b, ok := strings.Cut(string(page), "try await hub.enter()"); !ok || strings.Contains(a, "finishTransaction") || !strings.Contains(b, "finishTransaction") {
		t.Error("the guide finishes a transaction before it is posted")
	}
	_, original, _ := strings.Cut(string(page), "\n## Apps that are still on the original StoreKit\n")
	original, _, _ = strings.Cut(original, "\n## ")
	steps := regexp.MustCompile(`(?m)^\d+\. \*\*`).Split(original, -1)
	if len(steps) != 3 {
		t.Fatalf("the original StoreKit needs %d changes, not the two", len(steps)-1)
	}
	for i, words := range [][]string{
		{"Two changes are enough"},
		{"The app:", "original transaction id", "instead of sending the whole receipt", "t.original?.transactionIdentifier ?? t.transactionIdentifier"},
		{
			"The server:", "App Store Server API instead of `verifyReceipt`", "deprecated", "statuses and history by the original transaction id", "`POST /v1/identities`",
			"the issuer `" + appstore.Issuer + "`, the kind `" + appstore.KindOriginalTransaction + "`", "`applicationUsername` to the UUID", "gives it back as `appAccountToken`",
		},
	} {
		for _, w := range words {
			if !strings.Contains(steps[i], w) {
				t.Errorf("change %d does not say %q", i, w)
			}
		}
	}
}

// TestOriginalStoreKit: the id of a transaction of which only the business's server
// tells makes the purchase that customer's when the App Store tells of it, also of what
// is bought once; where the App Store was first, the server is told to merge, or a
// person is asked.
func TestOriginalStoreKit(t *testing.T) {
	onDevice(t, func(t *testing.T, s *handheld) {
		ties := func(original string) (status int, customer, said string) {
			t.Helper()
			status, made := s.call("POST", "/v1/customers", s.full, `{"kind":"person"}`)
			if status != 201 {
				t.Fatalf("%d %v", status, made)
			}
			customer = made["id"].(string)
			status, out := s.call("POST", "/v1/identities", s.full, fmt.Sprintf(`{"customer":%q,"issuer":%q,"kind":%q,"value":%q}`, customer, appstore.Issuer, appstore.KindOriginalTransaction, original))
			return status, customer, fmt.Sprint(out)
		}
		for _, product := range []string{"monthly", "recipes"} {
			s.Down.Store(true)
			bought := s.Bought(s.Person("JPN", ""), product)
			status, customer, said := ties(bought)
			s.Down.Store(false)
			wait(2 * time.Hour) // the App Store tells again
			if got := s.Purchase(bought).Customer; status != 201 || got != customer {
				t.Errorf("%s, %d %s: it is %s's, not %s's", product, status, said, got, customer)
			}
		}
		late, once := s.Bought(s.Person("JPN", ""), "monthly"), s.Bought(s.Person("JPN", ""), "recipes")
		wait(time.Second)
		if status, _, said := ties(late); status != 409 || !strings.Contains(said, "merge the two customers") {
			t.Errorf("after the App Store: %d %s", status, said)
		}
		status, customer, said := ties(once)
		s.Must(s.AskRefund(once, "OTHER"))
		s.Must(s.Decide(once, 100))
		wait(time.Second)
		tasks, err := s.Hub.Tasks(t.Context(), followtest.Workspace, 10)
		s.Must(err)
		if asked := slices.ContainsFunc(tasks, func(k engawa.Task) bool { return k.Kind == "customer.twins" && k.Args["other"] == customer }); status != 201 || !asked {
			t.Errorf("what was bought once, after the App Store: %d %s, %+v", status, said, tasks)
		}
	})
}
