package webhook

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/exchange"
	"github.com/engawa/engawa/internal/channel/webhook/sim"
)

const (
	secretA = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secretB = "whsec_bmV3IHNlY3JldCBuZXcgc2VjcmV0IG5ldyBzZWNyZXQ="
	secretC = "whsec_aW5ib3VuZCBzZWNyZXQgaW5ib3VuZCBzZWNyZXQgMQ=="
)

var settings = map[string]string{
	"url": "https://hooks.hinata.example/engawa/k3y", "secret": secretA, "in_secret": secretC,
}

func suite() channeltest.Case {
	return channeltest.Case{
		Kind: Kind, Settings: settings, To: "member-000123",
		// An endpoint answers for all recipients: no status means one unknown address.
		Lacks: []channeltest.Mood{channeltest.NoSuch},
		World: func(t *testing.T, m channeltest.Mood) channeltest.World {
			return channeltest.HTTP{
				Sim:      sim.New(sim.Options{Secrets: []string{secretA}, Polite: true}),
				Handover: handover,
				Answers: map[channeltest.Mood]http.HandlerFunc{
					channeltest.Limited:    status(429, ""),
					channeltest.LimitedFor: status(429, "30"),
					channeltest.Down:       status(503, ""),
					channeltest.Refuses:    status(422, ""),
					channeltest.Locked:     status(401, ""),
				},
			}.World(t, m)
		},
		Callback: &callback,
	}
}

var callback = channeltest.Callback{
	Body: []byte(`{"type":"contract.terminated","timestamp":"2026-11-23T12:00:00Z","data":{"contract":"456"}}`),
	Type: "contract.terminated",
	Sign: func(body []byte, at time.Time) http.Header {
		k, err := parseKey(secretC)
		if err != nil {
			panic(err)
		}
		h := http.Header{}
		sign(h, "evt_1", at, body, []key{k})
		return h
	},
	MaxAge: Tolerance,
}

func handover(r *http.Request, body []byte) (channeltest.Taken, bool) {
	return channeltest.Taken{Key: r.Header.Get("webhook-id"), Body: body}, r.Method == http.MethodPost
}

func status(code int, after string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(code)
	}
}

func TestChannel(t *testing.T) { channeltest.Run(t, suite()) }

func FuzzReceive(f *testing.F) {
	channeltest.Fuzz(f, func() channel.Receiver {
		ch, err := open(settings, channel.Env{})
		if err != nil {
			f.Fatal(err)
		}
		return ch.(*account)
	}, callback)
}

// send posts one parcel to h and returns what Send made of the answer.
func send(t *testing.T, s map[string]string, h http.HandlerFunc) (channel.Receipt, *channel.SendError) {
	t.Helper()
	ch, err := open(s, channel.Env{Account: channeltest.Account, HTTP: channeltest.Client(h)})
	if err != nil {
		t.Fatal(err)
	}
	r, err := ch.Send(t.Context(), channeltest.Cleared(t, channeltest.Parcel("member-000123")))
	if err == nil {
		return r, nil
	}
	return r, err.(*channel.SendError)
}

func TestStatuses(t *testing.T) {
	for code, want := range map[int]channel.Class{
		200: "", 202: "", 204: "", 299: "",
		301: channel.AccountClosed, 308: channel.AccountClosed, 410: channel.AccountClosed, 401: channel.AccountClosed,
		302: channel.Again, 303: channel.Again, 307: channel.Again, 304: channel.Again,
		404: channel.Again, 408: channel.Again, 409: channel.Again, 425: channel.Again, 429: channel.Again,
		500: channel.Again, 502: channel.Again, 503: channel.Again, 504: channel.Again,
		400: channel.Rejected, 403: channel.Rejected, 413: channel.Rejected, 422: channel.Rejected,
	} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, se := send(t, settings, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Location", "http://169.254.169.254/")
					w.WriteHeader(code)
				})
				switch {
				case se == nil && want != "":
					t.Errorf("accepted, want %q", want)
				case se != nil && (se.Class != want || se.Code != strconv.Itoa(code)):
					t.Errorf("%q %s, want %q", se.Class, se.Code, want)
				}
			})
		})
	}
}

// B31 of the catalogue of bad input.
func TestRetryAfter(t *testing.T) {
	for given, want := range map[string]time.Duration{
		"": 0, "0": 0, "-1": 0, "120": 2 * time.Minute, "1000000000": 24 * time.Hour, "99999999999999999999": 0, "1e9": 0, "soon": 0,
		"Sat, 01 Jan 2000 00:05:00 GMT": 5 * time.Minute, "Fri, 31 Dec 1999 00:00:00 GMT": 0, "Sat, 01 Jan 2050 00:00:00 GMT": 24 * time.Hour,
	} {
		t.Run(given, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // a bubble begins at 2000-01-01 00:00:00 UTC
				_, se := send(t, settings, status(503, given))
				if se == nil || se.Class != channel.Again || se.After != want {
					t.Errorf("%+v, want retry after %s", se, want)
				}
			})
		})
	}
}

func TestAnswersAreKeptShortAndClean(t *testing.T) {
	for name, body := range map[string]string{
		"html": "<html>busy</html>", "empty": "", "error in a 200": `{"error":"no"}`,
		"other charset": "\x82\xa0\x00", "echo": "unknown recipient member-000123", "long": strings.Repeat("長", 4000),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, se := send(t, settings, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
				if se != nil {
					t.Fatal(se)
				}
				got := r.Exchange.Response
				if len(got) > exchange.MaxKept+64 || strings.Contains(got, "member-000123") || strings.ContainsAny(got, "\x00") || !utf8.ValidString(got) {
					t.Errorf("kept %q", got)
				}
			})
		})
	}
}

func TestTheSlowEndpointIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, se := send(t, settings, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		if d := time.Since(start); d != exchange.Patience || se == nil || se.Code != "timeout" || se.Class != channel.Ambiguous {
			t.Errorf("after %s: %v", d, se)
		}
	})
}

func TestBothSecretsSignWhileTheyRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := map[string]string{"url": settings["url"], "secret": secretB, "old_secret": secretA}
		for _, known := range []string{secretA, secretB} {
			endpoint := sim.New(sim.Options{Secrets: []string{known}, Polite: true})
			if _, se := send(t, s, endpoint.ServeHTTP); se != nil {
				t.Errorf("a receiver that knows one of the two secrets: %v", se)
			}
		}
		stranger := sim.New(sim.Options{Secrets: []string{secretC}, Polite: true})
		if _, se := send(t, s, stranger.ServeHTTP); se == nil || se.Class != channel.AccountClosed {
			t.Errorf("a receiver that knows neither: %v", se)
		}
	})
}

func TestSecretsMustBeLongEnough(t *testing.T) {
	for _, bad := range []string{"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_???", "whsec_" + strings.Repeat("AAAA", 22)} {
		if _, err := open(channel.Settings{"url": "https://a.example", "secret": bad}, channel.Env{}); err == nil || strings.Contains(err.Error(), bad) {
			t.Errorf("secret %q: %v", bad, err)
		}
	}
}

func TestTheStoresOwnTypesAreNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch, err := open(settings, channel.Env{})
		if err != nil {
			t.Fatal(err)
		}
		for _, typ := range []string{"store.did_renew", "", "Contract", "a..b", ".a", "a.", "a b", strings.Repeat("a", 129)} {
			body, _ := json.Marshal(map[string]string{"type": typ})
			_, err := ch.(*account).Receive(callback.Sign(body, time.Now()), body)
			if e, ok := err.(*engawa.Error); !ok || e.Code != engawa.CodeInvalid {
				t.Errorf("type %q: %v", typ, err)
			}
		}
	})
}

// The path of an endpoint may hold a credential: it is in no error and in no
// kept exchange.
func TestThePathOfTheEndpointIsHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, se := send(t, settings, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		if se == nil || strings.Contains(se.Error()+se.Exchange.Request, "k3y") || !strings.Contains(se.Exchange.Request, "hooks.hinata.example") {
			t.Errorf("%v: %s", se, se.Exchange.Request)
		}
	})
}

// TestEvents: an endpoint that takes events gets them byte for byte, signed; what
// is no event still goes as a message.
func TestEvents(t *testing.T) {
	const event = `{"type":"contract.terminated","timestamp":"2026-11-23T12:00:00Z","data":{"event":"evt_1","data":{"n":9007199254740993}}}`
	const signed = `{ "signedPayload" : "eyJ.eyJ.c2ln" }`
	for words, want := range map[string]string{event: event, signed: signed, "テスト": `"type":"message.created"`, `{"type":"x"}`: `"type":"message.created"`} {
		for _, content := range []string{ContentEvent, ContentOriginal, "message"} {
			synctest.Test(t, func(t *testing.T) {
				var got []byte
				endpoint := sim.New(sim.Options{Secrets: []string{secretA}, Polite: true, Originals: true})
				s := map[string]string{"url": settings["url"], "secret": secretA, "content": content}
				ch, err := open(s, channel.Env{Account: channeltest.Account, HTTP: channeltest.Client(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					got, _ = io.ReadAll(r.Body)
					r.Body = io.NopCloser(strings.NewReader(string(got)))
					endpoint.ServeHTTP(w, r)
				}))})
				if err != nil {
					t.Fatal(err)
				}
				p := channeltest.Parcel("member-000123")
				p.Content = engawa.Content{Text: words}
				if _, err := ch.Send(t.Context(), channeltest.Cleared(t, p)); err != nil {
					t.Fatal(err)
				}
				want := want
				if own := map[string]string{ContentEvent: event, ContentOriginal: signed}[content]; words != own {
					want = `"type":"message.created"`
				}
				if !strings.Contains(string(got), want) || (want == words) != (string(got) == words) {
					t.Errorf("%s as %s: %s", words, content, got)
				}
			})
		}
	}
}
