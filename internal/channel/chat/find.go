package chat

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/exchange"
	"github.com/engawa/engawa/internal/verdict"
)

// Page is one page of what was posted at a place, newest first.
type Page struct {
	Posts []Posted
	Next  string // where the next page begins; empty: there is none that could hold it
}

// Posted is one message at a place, as it was sent.
type Posted struct{ ID, Text string }

// maxLook bounds how many pages are looked through.
const maxLook = 10

// early is how much before the parcel's own time a place is looked through: the
// provider's clock is not ours.
const early = time.Minute

// Since is the instant before which p was certainly not posted.
func Since(p engawa.Parcel) time.Time { return p.CreatedAt.Add(-early) }

// Find looks for m's reference through the pages of its place, which begin at
// "". A page that a person would have to make readable (no right, no such
// place), and a place where too much was posted since, is channel.ErrNoLookup.
func Find(
	ctx context.Context, env channel.Env, m verdict.Cleared,
	ask func(p engawa.Parcel, at string) exchange.Request, read func(p engawa.Parcel, x exchange.Answer) (Page, *channel.SendError),
) (bool, channel.Receipt, error) {
	p, err := m.Open(env.Account)
	if err != nil {
		return false, channel.Receipt{}, channel.NotCleared(err)
	}
	ctx, cancel := m.Context(ctx)
	defer cancel()
	at := ""
	for range maxLook {
		x, se := exchange.Do(ctx, env.HTTP, ask(p, at))
		if se != nil {
			return false, channel.Receipt{}, fmt.Errorf("look through the place: %w", se)
		}
		page, se := read(p, x)
		if se != nil {
			return false, channel.Receipt{}, unreadable(se)
		}
		for _, post := range page.Posts {
			if strings.Contains(post.Text, Reference(p)) {
				kept := engawa.Exchange{Request: x.Kept.Request, Response: strconv.Itoa(x.Status)} // other people's words are not kept
				return true, channel.Receipt{ProviderID: post.ID, Exchange: kept}, nil
			}
		}
		if at = page.Next; at == "" {
			return false, channel.Receipt{}, nil
		}
	}
	return false, channel.Receipt{}, fmt.Errorf("too much was posted since: %w", channel.ErrNoLookup)
}

// NoFind is Find where nothing can be read: a webhook's URL only takes.
func NoFind(env channel.Env, m verdict.Cleared) (bool, channel.Receipt, error) {
	if _, err := m.Open(env.Account); err != nil {
		return false, channel.Receipt{}, channel.NotCleared(err)
	}
	return false, channel.Receipt{}, channel.ErrNoLookup
}

// unreadable tells what passes from what only a person can change.
func unreadable(se *channel.SendError) error {
	if se.Class == channel.AccountClosed || se.Class == channel.Rejected {
		return fmt.Errorf("%s: %w", se.Code, channel.ErrNoLookup)
	}
	return fmt.Errorf("look through the place: %w", se)
}
