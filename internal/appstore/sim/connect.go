package sim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Limits of App Store Connect.
const (
	connectLife = 20 * time.Minute // of a token, at most
	connectMost = 25_000           // codes of a batch
	connectDays = 183              // that a code may live
)

// Connect is the part of the App Store Connect API in which offer codes are made,
// for the offers of a Store. It has a key of its own.
type Connect struct {
	Limit int           // calls an hour; 0: 3500
	Slow  time.Duration // until a batch's codes can be fetched

	store   *Store
	key     *Store            // that holds the key alone
	offers  map[string]*Offer // by their ids here
	product map[string]string

	mu      sync.Mutex
	calls   int
	since   time.Time
	batches []*batch
}

type batch struct {
	id, offer, ends string
	codes           []string
	ready           time.Time
}

// Connect opens App Store Connect. The offer of a product that has codes is known
// there as "asc-" and its id.
func (s *Store) Connect() (*Connect, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the API key: %w", err)
	}
	c := &Connect{store: s, key: &Store{apiKey: key, keyID: rand.Text()[:10], issuer: newUUID()}, offers: map[string]*Offer{}, product: map[string]string{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.products {
		for i, o := range p.Offers {
			if o.Type == OfferCode {
				c.offers["asc-"+o.ID], c.product["asc-"+o.ID] = &p.Offers[i], p.ID
			}
		}
	}
	return c, nil
}

// Key is the key as App Store Connect hands it out.
func (c *Connect) Key() (id, issuer, p8 string) { return c.key.Key() }

type resource struct {
	Type       string `json:"type"`
	ID         string `json:"id,omitempty"`
	Attributes struct {
		Codes  int    `json:"numberOfCodes"`
		EndsOn string `json:"expirationDate"`
		Active bool   `json:"active,omitempty"`
	} `json:"attributes"`
	Relationships struct {
		Offer struct {
			Data struct{ Type, ID string } `json:"data"`
		} `json:"offerCode"`
	} `json:"relationships,omitzero"`
}

const (
	batchType   = "subscriptionOfferCodeOneTimeUseCodes"
	batchesPath = "/v1/" + batchType
)

// ServeHTTP answers the API.
func (c *Connect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := c.left()
	w.Header().Set("X-Rate-Limit", fmt.Sprintf("user-hour-lim:%d;user-hour-rem:%d;", c.limit(), max(0, left)))
	offer, inOffer := strings.CutPrefix(r.URL.Path, "/v1/subscriptionOfferCodes/")
	id, inBatch := strings.CutPrefix(r.URL.Path, batchesPath+"/")
	switch {
	case !c.admits(r.Header.Get("Authorization")):
		connectFault(w, http.StatusUnauthorized, "NOT_AUTHORIZED")
	case left < 0:
		connectFault(w, http.StatusTooManyRequests, "RATE_LIMIT_EXCEEDED")
	case r.Method == http.MethodPost && r.URL.Path == batchesPath:
		c.make(w, r)
	case r.Method == http.MethodGet && inOffer && strings.HasSuffix(offer, "/oneTimeUseCodes"):
		c.list(w, strings.TrimSuffix(offer, "/oneTimeUseCodes"))
	case r.Method == http.MethodGet && inBatch && strings.HasSuffix(id, "/values"):
		c.values(w, strings.TrimSuffix(id, "/values"))
	default:
		connectFault(w, http.StatusNotFound, "NOT_FOUND")
	}
}

func (c *Connect) limit() int {
	if c.Limit > 0 {
		return c.Limit
	}
	return 3500
}

// left counts a call and says how many there is room for; below 0: none.
func (c *Connect) left() int {
	if now := time.Now(); now.Sub(c.since) >= time.Hour {
		c.since, c.calls = now, 0
	}
	c.calls++
	return c.limit() - c.calls
}

// admits proves a token. A bundle id in it is another API's.
func (c *Connect) admits(authorization string) bool {
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	var claims struct {
		Iss, Aud, Bid string
		Iat, Exp      int64
	}
	if !ok || c.key.opens(token, &claims) != "" {
		return false
	}
	now, ends := time.Now(), time.Unix(claims.Exp, 0)
	return claims.Iss == c.key.issuer && claims.Aud == "appstoreconnect-v1" && claims.Bid == "" && ends.After(now) && !ends.After(now.Add(connectLife+skew)) &&
		ends.Sub(time.Unix(claims.Iat, 0)) <= connectLife
}

func (c *Connect) make(w http.ResponseWriter, r *http.Request) {
	var in struct{ Data resource }
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil || json.Unmarshal(body, &in) != nil || in.Data.Type != batchType || in.Data.Relationships.Offer.Data.Type != "subscriptionOfferCodes" {
		connectFault(w, http.StatusUnprocessableEntity, "ENTITY_ERROR")
		return
	}
	id := in.Data.Relationships.Offer.Data.ID
	ends, err := time.Parse(time.DateOnly, in.Data.Attributes.EndsOn)
	n := in.Data.Attributes.Codes
	switch {
	case c.offers[id] == nil:
		connectFault(w, http.StatusNotFound, "NOT_FOUND")
		return
	case err != nil || !ends.After(time.Now()) || ends.After(time.Now().AddDate(0, 0, connectDays)):
		connectFault(w, http.StatusConflict, "ENTITY_ERROR.ATTRIBUTE.INVALID")
		return
	case n < 1 || n > connectMost:
		connectFault(w, http.StatusConflict, "ENTITY_ERROR.ATTRIBUTE.INVALID")
		return
	}
	codes, err := c.store.Codes(c.product[id], c.offers[id].ID, n)
	if err != nil {
		connectFault(w, http.StatusConflict, "STATE_ERROR")
		return
	}
	b := &batch{id: newUUID(), offer: id, ends: in.Data.Attributes.EndsOn, codes: codes, ready: time.Now().Add(c.Slow)}
	c.batches = append(c.batches, b)
	jsonReply(http.StatusCreated, map[string]any{"data": b.resource()}).write(w)
}

func (b *batch) resource() (r resource) {
	r.Type, r.ID = batchType, b.id
	r.Attributes.Codes, r.Attributes.EndsOn, r.Attributes.Active = len(b.codes), b.ends, true
	return r
}

func (c *Connect) list(w http.ResponseWriter, offer string) {
	if c.offers[offer] == nil {
		connectFault(w, http.StatusNotFound, "NOT_FOUND")
		return
	}
	all := []resource{}
	for _, b := range c.batches {
		if b.offer == offer {
			all = append(all, b.resource())
		}
	}
	jsonReply(http.StatusOK, map[string]any{"data": all, "meta": map[string]any{"paging": map[string]int{"total": len(all), "limit": 200}}}).write(w)
}

// values are the codes of a batch, of which there are none until they are ready.
func (c *Connect) values(w http.ResponseWriter, id string) {
	for _, b := range c.batches {
		if b.id != id {
			continue
		}
		if time.Now().Before(b.ready) {
			connectFault(w, http.StatusNotFound, "NOT_FOUND")
			return
		}
		reply{status: http.StatusOK, kind: "text/csv", body: []byte(strings.Join(b.codes, "\n") + "\n")}.write(w)
		return
	}
	connectFault(w, http.StatusNotFound, "NOT_FOUND")
}

func connectFault(w http.ResponseWriter, status int, code string) {
	jsonReply(status, map[string]any{"errors": []map[string]any{{"id": newUUID(), "status": fmt.Sprint(status), "code": code, "title": "A fault.", "detail": "What it is about."}}}).write(w)
}
