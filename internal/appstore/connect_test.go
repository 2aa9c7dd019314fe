package appstore_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel/channeltest"
)

// TestConnect makes codes in App Store Connect and fetches them; what goes wrong is
// told so that it can be mended, and a limit is no fault of the operator's.
func TestConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, err := sim.New("jp.hinata.coffee", 1234567890, sim.Production)
		must(t, err)
		defer st.Close()
		st.AddProduct(sim.Product{
			ID: "club", Type: sim.AutoRenewable, Group: "1", Level: 1, Period: "P1M", Prices: map[string]int64{"JPN": 980_000},
			Offers: []sim.Offer{{ID: "thanks", Type: sim.OfferCode, Pays: sim.FreeTrial, Period: "P1M"}},
		})
		asc, err := st.Connect()
		must(t, err)
		asc.Slow = time.Minute
		id, issuer, p8 := asc.Key()
		settings := map[string]string{"connect_issuer_id": issuer, "connect_key_id": id, "connect_key": p8}
		c, err := appstore.NewConnect(settings, channeltest.Client(asc))
		must(t, err)
		b, err := c.Make(t.Context(), "asc-thanks", 3, time.Now().AddDate(0, 3, 0))
		if err != nil || b.ID == "" || b.Codes != 3 || !b.Active {
			t.Fatalf("%+v %v", b, err)
		}
		if _, err := c.Values(t.Context(), b.ID); err == nil {
			t.Error("codes that are not ready")
		}
		time.Sleep(time.Minute)
		bs, err := c.Batches(t.Context(), "asc-thanks")
		if err != nil || len(bs) != 1 || bs[0] != b {
			t.Errorf("%+v %v", bs, err)
		}
		file, err := c.Values(t.Context(), b.ID)
		if err != nil || len(strings.Fields(string(file))) != 3 {
			t.Errorf("%v", err)
		}
		for name, tc := range map[string]struct {
			call  func() error
			code  engawa.Code
			field string
		}{
			"another offer": {func() error { _, err := c.Batches(t.Context(), "asc/../x"); return err }, engawa.CodeConflict, "/connect"},
			"too many": {func() error {
				_, err := c.Make(t.Context(), "asc-thanks", 30_000, time.Now().AddDate(0, 1, 0))
				return err
			}, engawa.CodeConflict, ""},
			"too long": {func() error { _, err := c.Make(t.Context(), "asc-thanks", 1, time.Now().AddDate(1, 0, 0)); return err }, engawa.CodeConflict, ""},
			"the key of the Server API": {func() error {
				id, issuer, p8 := st.Key()
				c, err := appstore.NewConnect(map[string]string{"connect_issuer_id": issuer, "connect_key_id": id, "connect_key": p8}, channeltest.Client(asc))
				must(t, err)
				_, err = c.Batches(t.Context(), "asc-thanks")
				return err
			}, engawa.CodeConflict, "/settings/connect_key"},
			"half a key": {func() error {
				_, err := appstore.NewConnect(map[string]string{"connect_key_id": id}, nil)
				return err
			}, engawa.CodeInvalid, "/settings/connect_key"},
			"no key": {func() error { _, err := appstore.NewConnect(map[string]string{}, nil); return err }, engawa.CodeConflict, "/settings/connect_key"},
			"limit": {func() error {
				asc.Limit = 1
				_, err := c.Batches(t.Context(), "asc-thanks")
				asc.Limit = 0
				return err
			}, engawa.CodeUnavailable, ""},
		} {
			told, ok := errors.AsType[*engawa.Error](tc.call())
			if !ok || told.Code != tc.code || told.Field != tc.field || told.Remedy == "" {
				t.Errorf("%s: %+v", name, told)
			}
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
