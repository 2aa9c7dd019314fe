package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

func binary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "engawa")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// TestDemoQuick runs the shipped program: it ends within 20 s, every step with its time.
func TestDemoQuick(t *testing.T) {
	bin := binary(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, "demo", "--quick", "--addr", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "LC_ALL=en_US.UTF-8")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, step := range []string{"Held: ", "Scheduled: ", "A task asks a person", "A partner's mail is held", "Signature checked and journaled", "Sent: ", "Refused: ", "in the Chatwork room", "went to the staff by mail", "Zendesk has a ticket", "in the customer's story", "Done: every step"} {
		if !regexp.MustCompile(`(?m)^  \d\d:\d\d:\d\d  .*` + regexp.QuoteMeta(step)).Match(out) {
			t.Errorf("step not printed with its time: %q\n%s", step, out)
		}
	}
}

// TestDemoLives looks at the living demo as a visitor does, and ends it with Ctrl-C.
func TestDemoLives(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), binary(t), "demo", "--addr", "127.0.0.1:0", "--dir", t.TempDir())
	cmd.Stderr, cmd.Env = os.Stderr, append(os.Environ(), "LC_ALL=en_US.UTF-8")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	links, key := opened(t, out)
	if len(links) != 9 {
		t.Fatalf("%d addresses are printed, want those of console, inbox, rooms, desk, LINE, push, store, sandbox and gallery: %v", len(links), links)
	}
	for _, link := range links {
		if body := get(t, link, ""); len(body) < 500 {
			t.Errorf("%s answers %q", link, body)
		}
	}
	inbox, _, _ := strings.Cut(links[1], "/?")
	hub, _, _ := strings.Cut(links[8], "/_pages")
	everyGateRefuses(t, hub, key)
	offers := unsubscribed(t, inbox)
	if offers == 0 {
		t.Error("no mail in the inbox can be unsubscribed")
	}
	events, sample := tell(t, hub, key, "/v1/events?limit=200", "events")
	if events != sample || events != 536 {
		t.Errorf("%d sample events marked as sample, of %d that are over; the seed tells of 480 and 56 of the App Store", sample, events)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		t.Errorf("Ctrl-C: %v", err)
	}
}

// opened reads the addresses that the demo prints, and the API key.
func opened(t *testing.T, out io.Reader) (links []string, key string) {
	t.Helper()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "http://") {
			links = append(links, line)
		}
		if _, rest, ok := strings.Cut(line, "Bearer "); ok {
			key, _, _ = strings.Cut(rest, "'")
		}
		if strings.HasPrefix(line, "A few events") {
			return links, key
		}
	}
	t.Fatal("the demo ended before it was ready")
	return nil, ""
}

// everyGateRefuses reads, from the API, that in the 30 days every gate said no
// or not yet to somebody, for the reasons that a newcomer should meet, and that
// something waits, fell back and is not known.
func everyGateRefuses(t *testing.T, hub, key string) {
	t.Helper()
	said, states := map[string]int{}, map[string]int{}
	for cursor := ""; ; {
		var page struct {
			Messages []struct{ ID, State, Outcome, Destination string }
			Next     string
		}
		if err := json.Unmarshal([]byte(get(t, hub+"/v1/messages?limit=200&cursor="+url.QueryEscape(cursor), key)), &page); err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Messages {
			states[m.State]++
			if m.Outcome == "send" && m.Destination == "" {
				continue
			}
			var v struct {
				Verdicts []struct {
					Outcome, Decided string
					Reasons          []struct{ Gate, Code string }
				}
				Deliveries []struct{ State string }
			}
			if err := json.Unmarshal([]byte(get(t, hub+"/v1/messages/"+m.ID, key)), &v); err != nil {
				t.Fatal(err)
			}
			for _, j := range v.Verdicts {
				for _, r := range j.Reasons {
					if r.Gate == j.Decided {
						said[r.Code]++
					}
				}
			}
			if len(v.Deliveries) == 2 && v.Deliveries[0].State == "expired" && v.Deliveries[1].State == "accepted" {
				states["fell back"]++
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	for _, code := range []string{
		"grant.ended", "recipient.none", "recipient.unverified", "relationship.blocked", "consent.none", "consent.withdrawn", "disclosure.not_yet",
		"rules.quiet_hours", "rules.minor", "suppression.bounced", "suppression.cap_sender", "budget.grant_day",
	} {
		if said[code] == 0 {
			t.Errorf("nobody is refused or held by %s: %v", code, said)
		}
	}
	for _, state := range []string{"waiting", "sent", "refused", "unknown", "fell back"} {
		if states[state] == 0 {
			t.Errorf("no message is %s: %v", state, states)
		}
	}
}

func get(t *testing.T, link, key string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("GET %s: %s %v", link, res.Status, err)
	}
	return string(b)
}

// unsubscribed presses the one-click button of the customer's offers.
func unsubscribed(t *testing.T, inbox string) (n int) {
	t.Helper()
	var mails []struct {
		ID          int
		Unsubscribe string
	}
	if err := json.Unmarshal([]byte(get(t, inbox+"/api/mails", "")), &mails); err != nil {
		t.Fatal(err)
	}
	for _, m := range mails {
		if m.Unsubscribe == "" {
			continue
		}
		res, err := http.PostForm(m.Unsubscribe, url.Values{"List-Unsubscribe": {"One-Click"}})
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			n++
		}
	}
	return n
}

// tell walks a list and counts its rows of the past and those marked as sample.
func tell(t *testing.T, hub, key, path, list string) (past, sample int) {
	t.Helper()
	for cursor := ""; ; {
		var page map[string]json.RawMessage
		if err := json.Unmarshal([]byte(get(t, hub+path+"&cursor="+url.QueryEscape(cursor), key)), &page); err != nil {
			t.Fatal(err)
		}
		var rows []struct {
			Sample     bool
			OccurredAt time.Time `json:"occurred_at"`
		}
		if err := json.Unmarshal(page[list], &rows); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if time.Since(r.OccurredAt) > time.Hour {
				past++
			}
			if r.Sample {
				sample++
			}
		}
		if err := json.Unmarshal(page["next"], &cursor); err != nil || cursor == "" {
			return past, sample
		}
	}
}
