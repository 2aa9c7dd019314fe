package rude

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Clock is the machine's clock, moved ahead by who plays with a simulator. The
// zero Clock is not ahead.
type Clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

// Now is the simulator's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// Advance moves the clock ahead.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// Clear sets it by the machine's again.
func (c *Clock) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = 0
}

// Serve moves it over HTTP: {"advance":"5m"}. It never goes back.
func (c *Clock) Serve(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Advance string `json:"advance"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in)
	d, err2 := time.ParseDuration(in.Advance)
	if err != nil || err2 != nil || d < 0 {
		http.Error(w, `send {"advance":"5m"}`, http.StatusBadRequest)
		return
	}
	c.Advance(d)
	w.WriteHeader(http.StatusNoContent)
}
