package store_test

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// live gives a customer a life of everything that is kept of one: a message that
// went and one that waits.
func (s *shop) live(id string) (went engawa.Message) {
	s.t.Helper()
	ctx := s.t.Context()
	s.customer(id)
	ev := event("event of " + id)
	ev.Identities, ev.Data, ev.Raw = []engawa.Identity{member(id)}, []byte(`{"secret":"plan of `+id+`"}`), []byte("raw of "+id)
	_, err := s.Journal(ctx, []engawa.Event{ev})
	s.must(err)
	s.must(s.Suppress(ctx, engawa.Suppression{Workspace: ws, Channel: "mail", Address: address(id), Customer: id, Reason: "complained", At: time.Now()}))
	s.must(s.Relate(ctx, ws, mailbox, "cp_"+id, "friend"))
	_, err = s.SaveSubscription(ctx, engawa.Subscription{Workspace: ws, Customer: id, Product: "monthly", State: engawa.SubscriptionActive})
	s.must(err)
	went, waits := s.message(id), s.message(id)
	went.Content.Text, waits.Content.Text = "words to "+id, "words to "+id
	s.send(went)
	lane := s.hold("life of "+id, mailbox)
	r := accepted(s.claim(lane, 1, sendAll)[0])
	r.Carry = []byte("carried for " + id)
	_, err = s.Record(ctx, lane, []store.Result{r})
	s.must(err)
	waits.NotBefore = time.Now().Add(time.Hour)
	s.send(waits)
	return went
}

// personal is what nobody may read in the database of a customer.
func personal(id string) []string {
	return []string{"田中 " + id, address(id).Reveal(), member(id).Value, "plan of " + id, "raw of " + id, "words to " + id, "RCPT TO " + address(id).Reveal()}
}

// TestSealed: of what is personal or secret, nothing stands in the database in
// words, and nothing in the file.
func TestSealed(t *testing.T) {
	each(t, func(s *shop) {
		s.live("cus_a")
		s.must(s.AddMember(s.t.Context(), store.SignIn{Member: engawa.Member{Workspace: ws, ID: "mem_1", Mail: "owner@hinata.example", Role: "owner"}}))
		s.must(s.AddDestination(s.t.Context(), engawa.Destination{Workspace: ws, ID: "dst_1", Account: room, Address: "room of the owner", CreatedAt: time.Now()}))
		once := store.Once{Workspace: ws, Key: "the caller's key", Request: "the caller's words"}
		_, err := s.Begin(s.t.Context(), once)
		s.must(err)
		s.must(s.Keep(s.t.Context(), once, 201, []byte("the answer")))
		db := storetest.Open(s.t, s.url)
		secrets := append(personal("cus_a"), "t0ken of "+mailbox, "owner@hinata.example", "room of the owner", once.Key, once.Request, "the answer")
		words := dump(s.t, db, tablesOf(s.t, db, s.Lite()), ws)
		if !strings.Contains(words, hex.EncodeToString([]byte("carried for cus_a"))) || !strings.Contains(words, "contract:456") {
			s.t.Fatal("this way nothing would be found") // these two are kept as they are
		}
		for _, secret := range secrets {
			if strings.Contains(words, secret) || strings.Contains(words, hex.EncodeToString([]byte(secret))) {
				s.t.Errorf("%q stands in the database", secret)
			}
		}
	})
}

// traces are what could open the customer's rows or find the customer again:
// the wrapped key and the keyed hashes.
func (s *shop) traces(id string) (key string, hashes []string) {
	s.t.Helper()
	db := storetest.Open(s.t, s.url)
	defer db.Close()
	key = query(s.t, db, `SELECT wrapped FROM data_key WHERE id = $1`, id)[0][0]
	for _, row := range query(s.t, db, `SELECT value_hash FROM identity WHERE customer = $1 UNION SELECT address_index FROM contact_point WHERE customer = $1`, id) {
		hashes = append(hashes, row[0])
	}
	return key, hashes
}

// counts are the rows of what stays after an erasure.
func (s *shop) counts() string {
	s.t.Helper()
	db := storetest.Open(s.t, s.url)
	defer db.Close()
	var out []string
	for _, table := range []string{"customer", "contact_point", "consent", "suppression", "subscription", "event", "message", "delivery", "attempt"} {
		out = append(out, table+" "+query(s.t, db, `SELECT count(*) FROM `+table)[0][0])
	}
	return strings.Join(out, ", ")
}

// TestErasedForGood: after an erasure neither the key nor a hash of the customer
// is left in any table, and on SQLite not in the file; every row that counts or
// proves is. With the key put back all could be read again: it is what was
// destroyed.
func TestErasedForGood(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		went := s.live("cus_a")
		theirs := s.live("cus_b")
		key, hashes := s.traces("cus_a")
		before := s.counts()
		_, err := s.Erase(ctx, ws, "cus_a")
		s.must(err)

		db := storetest.Open(s.t, s.url)
		left := dump(s.t, db, tablesOf(s.t, db, s.Lite()), ws)
		if len(hashes) != 2 || len(key) < 64 || strings.Contains(left, key) {
			s.t.Errorf("the key is left")
		}
		for _, hash := range hashes {
			for line := range strings.Lines(left) {
				if strings.Contains(line, hash) && !strings.HasPrefix(line, "suppression ") {
					s.t.Errorf("a hash is left: %.80s", line)
				}
			}
		}
		if strings.Contains(left, hex.EncodeToString([]byte("carried for cus_a"))) || !strings.Contains(left, hex.EncodeToString([]byte("carried for cus_b"))) {
			s.t.Error("what an attempt left is still there, or another's is not")
		}
		if after := s.counts(); after != before {
			s.t.Errorf("before: %s\nafter:  %s", before, after)
		}
		said := s.said(went.ID)
		if !said.Erased || said.Message.Content.Text != "" || len(said.Judged) != 0 || said.Attempts[0].Exchange.Request != "" || said.Deliveries[0].Verdict != nil {
			s.t.Errorf("still readable: %+v", said)
		}
		if said.Attempts[0].Outcome != engawa.OutcomeAccepted || said.Deliveries[0].ProviderID == "" || said.Message.State != engawa.MessageSent {
			s.t.Errorf("that it was sent is gone: %+v", said)
		}
		if other := s.said(theirs.ID); other.Erased || other.Message.Content.Text == "" {
			s.t.Error("another's message is gone")
		}
		if s.Lite() && s.onDisk(s.url, string(unhex(s.t, key))) {
			s.t.Error("the key is left on the disk")
		}
		_, err = db.ExecContext(ctx, `UPDATE data_key SET state = 'live', wrapped = $1 WHERE id = 'cus_a'`, unhex(s.t, key))
		s.must(err)
		if said := s.said(went.ID); said.Message.Content.Text != "words to cus_a" {
			s.t.Error("the key was not what kept it closed")
		}
	})
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
