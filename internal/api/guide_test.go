package api_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
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
	calls := regexp.MustCompile(`ask\("([^"]+)"`).FindAllStringSubmatch(string(page), -1)
	for _, c := range calls {
		if !strings.Contains(document, "\n  /v1/app/"+c[1]+":\n") {
			t.Errorf("the guide calls %q, which there is not", c[1])
		}
	}
	if len(calls) < 3 {
		t.Errorf("the guide has %d calls", len(calls))
	}
}
