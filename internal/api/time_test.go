package api_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/store/storetest"
)

// TestTimes: a time is an instant that RFC 3339 can write, with its offset. What
// only a wall clock can show (24:00, a leap second, an hour that the change of
// clocks swallows or repeats in a named zone) is refused rather than guessed at;
// with an offset such an hour is an instant like any other.
func TestTimes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		next := time.Now().Year() + 1
		send := func(at string) (int, map[string]any, string) {
			return s.do(http.MethodPost, "/v1/messages", s.key, fmt.Sprintf(
				`{"to":{"customer":"cus_one"},"purpose":"service","trigger":"user","content":{"subject":"s","text":"t"},"channels":["mail"],"not_before":%q}`, at))
		}
		for _, at := range []string{
			"2016-12-31T23:59:60Z", "2017-01-01T08:59:60+09:00", // the last leap second, in UTC and in Japan
			fmt.Sprintf("%d-06-30T23:59:60Z", next),                     // one that nobody has announced
			fmt.Sprintf("%d-03-14T02:30:00", next),                      // without a zone
			fmt.Sprintf("%d-03-14T02:30:00 America/New_York", next),     // in a gap
			fmt.Sprintf("%d-11-07T01:30:00[America/New_York]", next),    // in an overlap
			fmt.Sprintf("%d-03-28T02:30:00+01:00[Europe/Berlin]", next), // with both
			fmt.Sprintf("%d-01-01T24:00:00Z", next), fmt.Sprintf("%d-02-30T00:00:00Z", next), fmt.Sprintf("%d-01-01T00:00:00+24:00", next),
			"1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", fmt.Sprint(time.Now().Unix()), "tomorrow",
		} {
			status, out, text := send(at)
			s.clear(at, text, status, out, http.StatusBadRequest)
		}
		if _, list, text := s.do(http.MethodGet, "/v1/messages", s.key, ""); len(list["messages"].([]any)) != 0 {
			t.Errorf("something was kept: %s", text)
		}
		for _, at := range []string{
			fmt.Sprintf("%d-03-14T02:30:00-05:00", next),                                               // New York shows 03:30 then
			fmt.Sprintf("%d-11-07T01:30:00-04:00", next), fmt.Sprintf("%d-11-07T01:30:00-05:00", next), // the first 01:30 and the second
			fmt.Sprintf("%d-03-28T01:00:00.999999Z", next),
		} {
			want, err := time.Parse(time.RFC3339, at)
			s.must(err)
			status, out, text := send(at)
			if status != http.StatusAccepted {
				t.Errorf("%s: %d %s", at, status, text)
				continue
			}
			said, err := s.st.Message(t.Context(), "ws_one", out["id"].(string))
			if err != nil || !said.Message.NotBefore.Equal(want) {
				t.Errorf("%s is kept as %s: %v", at, said.Message.NotBefore, err)
			}
		}
	})
}
