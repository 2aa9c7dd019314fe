package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/config"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/vault"
)

// keyring reads the key file. It makes one only beside a database that has no
// ring: a new ring could open nothing of what an old database holds. Of nodes
// that share a key file and start for the first time at once, one makes it.
func keyring(ctx context.Context, c config.Config, log *slog.Logger) (*vault.Keyring, error) {
	ring, err := vault.Load(c.KeyFile)
	if !errors.Is(err, fs.ErrNotExist) {
		return ring, err
	}
	made, err := store.RingOf(ctx, c.Database.Reveal())
	if err != nil {
		return nil, err
	}
	if made != "" {
		ring, err = vault.Load(c.KeyFile) // another node may have made both since
		if !errors.Is(err, fs.ErrNotExist) {
			return ring, err
		}
		return nil, &engawa.Error{
			Code:    engawa.CodeConflict,
			Message: fmt.Sprintf("there is no key file at %s; this database was made with key ring %s and cannot be read without it", c.KeyFile, made),
			Remedy:  "restore the key file with ring " + made + " from your key backup, or set key_file to where it is",
		}
	}
	ring = vault.Generate(time.Now())
	err = ring.Save(c.KeyFile)
	if e := (*engawa.Error)(nil); errors.As(err, &e) && e.Code == engawa.CodeConflict {
		return vault.Load(c.KeyFile)
	}
	if err != nil {
		return nil, fmt.Errorf("make key file: %w", err)
	}
	log.InfoContext(ctx, "made a new key file; keep a copy of it apart from the database: without it no address can be read again", "path", c.KeyFile, "ring", ring.ID())
	return ring, nil
}

// RotateKeys puts a new key-encryption key in charge, wraps anew by it what
// older keys wrap, and destroys keys that closed vault.Keep ago. It may be
// interrupted at any point and called again. It is what a leak calls for; the
// daily upkeep does the same with less work.
func (h *Hub) RotateKeys(ctx context.Context) (rewrapped int, err error) {
	if err := h.rotate(ctx); err != nil {
		return 0, err
	}
	n, err := h.Store.Rewrap(ctx, h.ring.Due(time.Now()))
	if err != nil {
		return n, err
	}
	return n, h.expire(ctx)
}

func (h *Hub) rotate(ctx context.Context) error {
	return h.Store.Rotate(ctx, func() (string, error) {
		if err := h.ring.Reload(h.Config.KeyFile); err != nil {
			return "", err
		}
		h.ring.Rotate(time.Now())
		err := h.ring.Save(h.Config.KeyFile)
		return h.ring.Current(), err
	})
}

// expire destroys keys whose time is over and that wrap nothing any more.
func (h *Hub) expire(ctx context.Context) error {
	before := time.Now().Add(-vault.Keep)
	due := h.ring.Due(before)
	if len(due) == 0 {
		return nil
	}
	n, err := h.Store.Wrapped(ctx, due)
	if err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("keys %v should be destroyed and still wrap %d others", due, n)
	}
	h.ring.Expire(before)
	return h.ring.Save(h.Config.KeyFile)
}

// How often the upkeep looks, and after what time it wraps a key anew: half way
// to the end of the key that wraps it, so that a fortnight of failures harms nothing.
const (
	upkeepEvery = time.Hour
	rewrapAfter = vault.Keep / 2
)

// upkeep keeps keys and tables in order until ctx ends. It fails only where
// going on would do harm: the key file does not fit the database any more.
func (h *Hub) upkeep(ctx context.Context) error {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for {
		if err := h.upkeepOnce(ctx); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (h *Hub) upkeepOnce(ctx context.Context) error {
	err := h.Store.CheckRing(ctx)
	if e := (*engawa.Error)(nil); errors.As(err, &e) && e.Code == engawa.CodeConflict {
		return err
	}
	if err == nil && h.rotates() {
		err = h.keepKeys(ctx)
	}
	if err == nil {
		err = h.Store.Sweep(ctx)
	}
	if err == nil {
		err = h.watchEndpoints(ctx)
	}
	if err != nil && ctx.Err() == nil {
		h.log.ErrorContext(ctx, "upkeep is behind and tries again in an hour", "error", err)
		h.askForUpkeep(ctx)
	}
	return nil
}

// askForUpkeep has every business that is served here ask whoever runs the hub
// to look. Where not even that can be kept, /readyz says so.
func (h *Hub) askForUpkeep(ctx context.Context) {
	all, err := h.Store.Workspaces(ctx)
	for _, w := range all {
		err = errors.Join(err, h.Store.Raise(ctx, engawa.Task{Workspace: w.ID, Kind: "hub.upkeep", Ref: "hub", DueAt: time.Now().Add(24 * time.Hour)}))
	}
	if err != nil && ctx.Err() == nil {
		h.log.ErrorContext(ctx, "nobody asked to look at the upkeep", "error", err)
	}
}

func (h *Hub) rotates() bool {
	return h.Config.KeyRotation == "daily" || h.Config.KeyRotation == "auto" && h.Store.Lite()
}

// keepKeys rotates once a day, and wraps anew and destroys what is due.
func (h *Hub) keepKeys(ctx context.Context) error {
	if time.Since(h.ring.Opened()) >= vault.Epoch {
		if err := h.rotate(ctx); err != nil {
			return err
		}
		h.log.InfoContext(ctx, "rotated the key-encryption keys; add the new key file to your key backup", "key", h.ring.Current())
	}
	if _, err := h.Store.Rewrap(ctx, h.ring.Due(time.Now().Add(-rewrapAfter))); err != nil {
		return err
	}
	return h.expire(ctx)
}
