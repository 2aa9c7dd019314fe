package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// minFree is how much room on the disk a hub on SQLite wants before it takes work.
const minFree = 64 << 20 // bytes

// ready answers whether this node can take work: 200, or 503 and which part
// cannot. It names no path and no cause: everybody may ask.
func (h *Hub) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	status := http.StatusOK
	parts := map[string]string{"database": "ok", "disk": "ok", "lanes": "ok"}
	for name, err := range map[string]error{"database": h.Store.Ping(ctx), "disk": h.disk(), "lanes": h.lanes()} {
		if err != nil {
			parts[name], status = "not ready", http.StatusServiceUnavailable
			h.log.WarnContext(r.Context(), "not ready", "part", name, "error", err)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(parts) //nolint:errchkjson // the caller has gone
}

// disk looks at the room beside a SQLite file; PostgreSQL minds its own.
func (h *Hub) disk() error {
	if !h.Store.Lite() {
		return nil
	}
	dir := filepath.Dir(strings.TrimPrefix(h.Config.Database.Reveal(), "sqlite:"))
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return fmt.Errorf("look at the disk: %w", err)
	}
	if free := s.Bavail * uint64(s.Bsize); free < minFree { //nolint:gosec // a block size is positive
		return fmt.Errorf("%d bytes are free on the disk, %d are wanted", free, minFree)
	}
	return nil
}

func (h *Hub) lanes() error {
	if !h.working.Load() {
		return fmt.Errorf("the dispatcher of node %s does not run", h.Config.Node)
	}
	return nil
}
