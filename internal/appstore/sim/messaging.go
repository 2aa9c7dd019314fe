package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of Retention Messaging ("uploadMessageRequestBody", "Upload Image"). How
// many images and messages may be stored is 2,000 each.
const (
	maxHeader  = 66
	maxText    = 144
	maxAlt     = 150
	maxBullets = 5
	maxBullet  = 66
	maxStored  = 2000
)

// The performance test that the simulator makes is small.
const (
	testCalls     = 10
	testThreshold = 700 // milliseconds
	testRate      = 95  // in a hundred
)

// messaging is what the business shows to those who are about to cancel.
type messaging struct {
	images   map[string]*retentionImage
	messages map[string]*retentionMessage
	defaults map[string]string // message by "product locale"
	realtime string
	tests    map[string]*performance
}

type retentionImage struct {
	size, state string
	nth         int64
}

type retentionMessage struct {
	retentionText
	state string
	nth   int64
}

type retentionText struct {
	Header   string `json:"header"`
	Body     string `json:"body"`
	Position string `json:"headerPosition"`
	Image    *struct {
		ID  string `json:"imageIdentifier"`
		Alt string `json:"altText"`
	} `json:"image"`
	Bullets []struct {
		Text  string `json:"text"`
		Image string `json:"imageIdentifier"`
		Alt   string `json:"altText"`
	} `json:"bulletPoints"`
}

// performance is a run of the performance test.
type performance struct {
	target   string
	took     []time.Duration
	failures map[string]int
	done     int
}

const (
	pendingReview = "PENDING_REVIEW"
	approved      = "APPROVED"
)

// ReviewMessaging has the store's reviewers approve, or reject, every image and
// message that waits for it.
func (s *Store) ReviewMessaging(approve bool) {
	s.enter()
	defer s.leave()
	state := "REJECTED"
	if approve {
		state = approved
	}
	for _, i := range s.talk.images {
		if i.state == pendingReview {
			i.state = state
		}
	}
	for _, m := range s.talk.messages {
		if m.state == pendingReview {
			m.state = state
		}
	}
}

func (s *Store) images(call) (any, error) {
	type item struct {
		ID    string `json:"imageIdentifier"`
		State string `json:"imageState"`
		Size  string `json:"imageSize"`
	}
	list := []item{}
	for _, id := range slices.SortedFunc(maps.Keys(s.talk.images), func(a, b string) int { return int(s.talk.images[a].nth - s.talk.images[b].nth) }) {
		list = append(list, item{id, s.talk.images[id].state, s.talk.images[id].size})
	}
	return map[string]any{"imageIdentifiers": list}, nil
}

// putImage takes a PNG without transparency checks; its size is told by a query.
func (s *Store) putImage(c call) (any, error) {
	size := c.query.Get("imageSize")
	if size == "" {
		size = "FULL_SIZE"
	}
	_, err := png.DecodeConfig(bytes.NewReader(c.body))
	switch {
	case !uuid.MatchString(c.args[0]):
		return nil, errBadRequest
	case c.header.Get("Content-Type") != "image/png" || err != nil:
		return nil, errBadImage
	case size != "FULL_SIZE" && size != "BULLET_POINT":
		return nil, errBadImageSize
	case s.talk.images[c.args[0]] != nil:
		return nil, errImageExists
	case len(s.talk.images) >= maxStored:
		return nil, errMaxImages
	}
	if s.talk.images == nil {
		s.talk.images = map[string]*retentionImage{}
	}
	s.talk.images[c.args[0]] = &retentionImage{size, pendingReview, s.next()}
	return accepted(http.StatusOK), nil
}

func (s *Store) deleteImage(c call) (any, error) {
	if s.talk.images[c.args[0]] == nil {
		return nil, errImageUnknown
	}
	for _, m := range s.talk.messages {
		if m.uses(c.args[0]) {
			return nil, errImageInUse
		}
	}
	delete(s.talk.images, c.args[0])
	return accepted(http.StatusOK), nil
}

func (m *retentionMessage) uses(image string) bool {
	if m.Image != nil && m.Image.ID == image {
		return true
	}
	for _, b := range m.Bullets {
		if b.Image == image {
			return true
		}
	}
	return false
}

func (s *Store) messages(call) (any, error) {
	type item struct {
		ID    string `json:"messageIdentifier"`
		State string `json:"messageState"`
	}
	list := []item{}
	for _, id := range slices.SortedFunc(maps.Keys(s.talk.messages), func(a, b string) int { return int(s.talk.messages[a].nth - s.talk.messages[b].nth) }) {
		list = append(list, item{id, s.talk.messages[id].state})
	}
	return map[string]any{"messageIdentifiers": list}, nil
}

func (s *Store) putMessage(c call) (any, error) {
	m := &retentionMessage{state: pendingReview}
	if err := c.read(&m.retentionText); err != nil || !uuid.MatchString(c.args[0]) {
		return nil, errBadRequest
	}
	switch {
	case utf8.RuneCountInString(m.Header) > maxHeader:
		return nil, errLongHeader
	case utf8.RuneCountInString(m.Body) > maxText:
		return nil, errLongBody
	case len(m.Bullets) > maxBullets:
		return nil, errManyBullets
	case m.Position == "ABOVE_IMAGE" && m.Image == nil:
		return nil, errHeaderNeedsImage
	case s.talk.messages[c.args[0]] != nil:
		return nil, errMessageExists
	case len(s.talk.messages) >= maxStored:
		return nil, errMaxMessages
	}
	if err := s.illustrated(m); err != nil {
		return nil, err
	}
	if s.talk.messages == nil {
		s.talk.messages = map[string]*retentionMessage{}
	}
	m.nth = s.next()
	s.talk.messages[c.args[0]] = m
	return accepted(http.StatusOK), nil
}

// illustrated checks the images of a message and what is written for those who
// cannot see them.
func (s *Store) illustrated(m *retentionMessage) error {
	if m.Image != nil {
		if utf8.RuneCountInString(m.Image.Alt) > maxAlt {
			return errLongAltText
		}
		if s.talk.images[m.Image.ID] == nil {
			return errImageUnknown
		}
	}
	for _, b := range m.Bullets {
		switch {
		case utf8.RuneCountInString(b.Text) > maxBullet:
			return errLongBullet
		case utf8.RuneCountInString(b.Alt) > maxAlt:
			return errLongAltText
		case s.talk.images[b.Image] == nil:
			return errImageUnknown
		}
	}
	return nil
}

func (s *Store) deleteMessage(c call) (any, error) {
	if s.talk.messages[c.args[0]] == nil {
		return nil, errMessageUnknown
	}
	delete(s.talk.messages, c.args[0])
	maps.DeleteFunc(s.talk.defaults, func(_, id string) bool { return id == c.args[0] })
	return accepted(http.StatusOK), nil
}

var locale = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

func (s *Store) putDefault(c call) (any, error) {
	var in struct {
		ID string `json:"messageIdentifier"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := s.defaultsFor(c); err != nil {
		return nil, err
	}
	m := s.talk.messages[in.ID]
	switch {
	case m == nil:
		return nil, errMessageUnknown
	case m.state != approved:
		return nil, errMessageUnapproved
	}
	for id, i := range s.talk.images {
		if m.uses(id) && i.state != approved {
			return nil, errImageUnapproved
		}
	}
	if s.talk.defaults == nil {
		s.talk.defaults = map[string]string{}
	}
	s.talk.defaults[c.args[0]+" "+c.args[1]] = in.ID
	return accepted(http.StatusOK), nil
}

func (s *Store) defaultsFor(c call) error {
	if _, err := s.product(c.args[0]); err != nil {
		return errBadProductID
	}
	if !locale.MatchString(c.args[1]) {
		return errBadLocale
	}
	return nil
}

func (s *Store) getDefault(c call) (any, error) {
	if err := s.defaultsFor(c); err != nil {
		return nil, err
	}
	if id := s.talk.defaults[c.args[0]+" "+c.args[1]]; id != "" {
		return map[string]string{"messageIdentifier": id}, nil
	}
	return nil, errDefaultUnknown
}

func (s *Store) deleteDefault(c call) (any, error) {
	if _, err := s.getDefault(c); err != nil {
		return nil, err
	}
	delete(s.talk.defaults, c.args[0]+" "+c.args[1])
	return accepted(http.StatusOK), nil
}

// putRealtime sets the URL that is asked what to show. Production wants a passed
// performance test first; here one that this store has seen.
func (s *Store) putRealtime(c call) (any, error) {
	var in struct {
		URL string `json:"realtimeURL"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if u, err := url.Parse(in.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(in.URL) > 256 {
		return nil, errBadRealtimeURL
	}
	if s.Environment == Production && !slices.ContainsFunc(slices.Collect(maps.Values(s.talk.tests)), func(p *performance) bool { return p.result() == "PASS" }) {
		return nil, errNoPassedTest
	}
	s.talk.realtime = in.URL
	return accepted(http.StatusOK), nil
}

func (s *Store) getRealtime(call) (any, error) {
	if s.talk.realtime == "" {
		return nil, errRealtimeUnknown
	}
	return map[string]string{"realtimeURL": s.talk.realtime}, nil
}

func (s *Store) deleteRealtime(call) (any, error) {
	if s.talk.realtime == "" {
		return nil, errRealtimeUnknown
	}
	s.talk.realtime = ""
	return accepted(http.StatusOK), nil
}

func testConfig() map[string]int {
	return map[string]int{
		"maxConcurrentRequests": 1, "totalRequests": testCalls, "totalDuration": 10_000, "responseTimeThreshold": testThreshold, "successRateThreshold": testRate,
	}
}

// startTest asks the realtime URL a number of times what it would show. Only the
// sandbox has it.
func (s *Store) startTest(c call) (any, error) {
	var in struct {
		ID string `json:"originalTransactionId"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	t := s.byID[in.ID]
	switch {
	case s.Environment != Sandbox || t == nil || t.sub == nil:
		return nil, errBadTest
	case s.talk.realtime == "" || s.Client == nil:
		return nil, errRealtimeUnknown
	case slices.ContainsFunc(slices.Collect(maps.Values(s.talk.tests)), func(p *performance) bool { return p.done < testCalls }):
		return nil, errTestRunning
	}
	if s.talk.tests == nil {
		s.talk.tests = map[string]*performance{}
	}
	id, p := newUUID(), &performance{target: s.talk.realtime, failures: map[string]int{}}
	s.talk.tests[id] = p
	asks := make([]string, testCalls)
	for i := range asks {
		asks[i] = s.must(map[string]any{
			"originalTransactionId": t.original.id, "appAppleId": s.AppAppleID, "productId": t.product.ID, "userLocale": "ja-JP",
			"requestIdentifier": newUUID(), "environment": s.Environment, "signedDate": millis(s.now()),
		})
	}
	go s.perform(p, asks)
	return map[string]any{"config": testConfig(), "requestId": id}, nil
}

// perform makes the calls of a performance test.
func (s *Store) perform(p *performance, asks []string) {
	for _, signed := range asks {
		start := time.Now()
		problem := s.ask(p.target, signed)
		s.mu.Lock()
		p.took = append(p.took, time.Since(start))
		if problem != "" {
			p.failures[problem]++
		}
		p.done++
		s.mu.Unlock()
	}
}

// ask sends one realtime request and says what was wrong with the answer.
func (s *Store) ask(target, signed string) (problem string) {
	ctx, cancel := context.WithTimeout(context.Background(), testThreshold*time.Millisecond)
	defer cancel()
	body, err := json.Marshal(map[string]string{"signedPayload": signed})
	if err != nil {
		panic(err) // a map of strings
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return "OTHER"
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := s.Client.Do(req)
	if err != nil {
		return fault(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	switch {
	case err != nil:
		return fault(err)
	case res.StatusCode != http.StatusOK:
		return resultStatus
	case !json.Valid(text) || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json"):
		return "INVALID_RESPONSE"
	}
	return ""
}

func (p *performance) rate() int {
	failed := 0
	for _, n := range p.failures {
		failed += n
	}
	return (p.done - failed) * 100 / max(1, p.done)
}

func (p *performance) result() string {
	switch {
	case p.done < testCalls:
		return "PENDING"
	case p.rate() < testRate:
		return "FAIL"
	}
	return "PASS"
}

func (s *Store) testResult(c call) (any, error) {
	if !uuid.MatchString(c.args[0]) {
		return nil, errBadTestRun
	}
	p := s.talk.tests[c.args[0]]
	if p == nil {
		return nil, errTestRunUnknown
	}
	took := slices.Sorted(slices.Values(p.took))
	at := func(percent int) int64 {
		if len(took) == 0 {
			return 0
		}
		return took[min(len(took)-1, len(took)*percent/100)].Milliseconds()
	}
	var total time.Duration
	for _, d := range took {
		total += d
	}
	return map[string]any{
		"config": testConfig(), "target": p.target, "result": p.result(), "successRate": p.rate(), "numPending": testCalls - p.done,
		"responseTimes": map[string]int64{"average": (total / time.Duration(max(1, len(took)))).Milliseconds(), "p50": at(50), "p90": at(90), "p95": at(95), "p99": at(99)},
		"failures":      p.failures,
	}, nil
}
