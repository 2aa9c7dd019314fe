package api_test

import (
	"strings"
	"testing"

	"github.com/engawa/engawa/internal/store/storetest"
)

// TestConsentLinks: what cannot be asked is refused with the place, and a partner's
// app is asked for in the partner's name.
func TestConsentLinks(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	partner := s.made("/v1/partners", `{"name":"みどり農園","sender":{"name":"p","postal":"x","phone":"","mail":"","contact":""}}`)
	own, theirs := s.made("/v1/apps", `{"name":"own"}`), s.made("/v1/apps", `{"name":"theirs","partner":"`+partner+`"}`)
	for body, place := range map[string]string{
		`{"customer":"cus_one","where":"x"}`:                                                          "/purposes",
		`{"customer":"cus_one","where":"x","purposes":["service"]}`:                                   "/purposes",
		`{"customer":"cus_one","where":"x","purposes":["notice"],"night":true}`:                       "/night",
		`{"customer":"cus_one","where":"x","share_address":true,"app":"` + own + `"}`:                 "/share_address",
		`{"customer":"cus_one","where":"x","purposes":["notice"],"channels":["chatwork"]}`:            "/channels/0",
		`{"customer":"cus_one","where":"x","purposes":["notice"],"return_url":"javascript:alert(1)"}`: "/return_url",
		`{"customer":"cus_one","where":"x","purposes":["notice"],"return_url":"http://shop.example"}`: "/return_url",
		`{"customer":"cus_two","where":"x","purposes":["notice"]}`:                                    "/customer",
		`{"customer":"cus_one","where":"x","purposes":["notice"],"app":"app_none"}`:                   "/app",
		`{"customer":"cus_one","purposes":["notice"]}`:                                                "where",
		`{"customer":"cus_one","where":"x","purposes":["notice"],"expires_in":9999999}`:               "/expires_in",
	} {
		if status, _, text := s.do("POST", "/v1/consent-links", s.key, body); status/100 != 4 || !strings.Contains(text, place) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	out := s.ok("POST", "/v1/consent-links", `{"customer":"cus_one","where":"x","purposes":["notice"],"share_address":true,"app":"`+theirs+`"}`)
	if url, _ := out["url"].(string); !strings.HasPrefix(url, "https://hub.hinata.example/consent/") || out["frame_url"] != url+"/frame" || strings.Contains(url, "cus_one") {
		t.Error(out)
	}
	if status, _, text := s.do("POST", "/v1/consent-wordings", s.key, `{"act":"contact","purpose":"notice","words":{"ja":"{{nobody}}","ko":"x","en":"y"}}`); status != 400 || !strings.Contains(text, "/words/ja") {
		t.Errorf("%d %s", status, text)
	}
}

// TestReceipts: a decision on all apps needs to be told whose handle; a partner's
// consent is recorded in the partner's name and no stranger's; every wording that
// is given needs its version.
func TestReceipts(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	partner := s.made("/v1/partners", `{"name":"みどり農園","sender":{"name":"p","postal":"x","phone":"","mail":"","contact":""}}`)
	app := s.made("/v1/apps", `{"name":"theirs","partner":"`+partner+`"}`)
	const evidence = `"evidence":{"wording":"受け取ります","version":"7","where":"店頭","how":"paper"}`
	id := s.made("/v1/customers/cus_one/consents", `{"controller":"`+partner+`","act":"contact","purpose":"notice","given":true,`+evidence+`}`)
	for path, status := range map[string]int{
		"/v1/consents/" + id + "/receipt": 400, "/v1/consents/" + id + "/receipt?app=app_none": 404, "/v1/consents/cns_none/receipt?app=" + app: 404,
	} {
		if got, _, text := s.do("GET", path, s.key, ""); got != status {
			t.Errorf("%s: %d %s", path, got, text)
		}
	}
	if got, _, text := s.do("GET", "/v1/consents/"+id+"/receipt?app="+app, s.other, ""); got != 404 {
		t.Errorf("another workspace: %d %s", got, text)
	}
	first := s.ok("GET", "/v1/consents/"+id+"/receipt?app="+app, "")["receipt"]
	if receipt, _ := first.(string); strings.Count(receipt, ".") != 2 {
		t.Error(first)
	}
	for body, place := range map[string]string{
		`{"controller":"ptn_none","act":"contact","purpose":"notice","given":true,` + evidence + `}`:                                "/controller",
		`{"act":"contact","purpose":"notice","given":true,"evidence":{"wording":"受け取ります","where":"店頭","how":"paper","version":""}}`: "/evidence",
	} {
		if status, _, text := s.do("POST", "/v1/customers/cus_one/consents", s.key, body); status/100 != 4 || !strings.Contains(text, place) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
}
