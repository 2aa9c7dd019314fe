package serve

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/url"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/store"
)

// SignInLink returns the URL of a link by which a member signs in once within
// access.LinkLife. Opening it shows a button; pressing that signs in.
func (h *Hub) SignInLink(ctx context.Context, workspace, member string) (string, error) {
	return signInLink(ctx, h.Store.By("system"), h.base(), workspace, member, access.LinkLife)
}

// signInLink makes a link through a store that names who does.
func signInLink(ctx context.Context, by *store.Store, base, workspace, member string, life time.Duration) (string, error) {
	now := time.Now()
	l, token := access.NewLink(workspace, member, now.Add(life))
	err := by.AddLink(ctx, store.Session{
		Hash: hex.EncodeToString(l.Hash[:]), Workspace: workspace, Member: member, CreatedAt: now, SeenAt: now, EndsAt: l.EndsAt,
	})
	if err != nil {
		return "", fmt.Errorf("make sign-in link of %s: %w", member, err)
	}
	return base + "/signin/link?token=" + url.QueryEscape(token.Reveal()), nil
}

// Welcome returns a sign-in link for the owner of a hub that has no members
// yet, made with a workspace where there is none; "" for every other hub. The
// owner gives names, address and password in the settings.
func (h *Hub) Welcome(ctx context.Context) (string, error) {
	now := time.Now()
	w := engawa.Workspace{ID: engawa.NewID(engawa.PrefixWorkspace), Name: "Engawa", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: now}
	owner, err := h.Store.Welcome(ctx, w, func(w engawa.Workspace) engawa.Member {
		return engawa.Member{Workspace: w.ID, ID: engawa.NewID(engawa.PrefixMember), Name: h.Words.T(w.Locale, "role.owner"), Role: engawa.Owner, CreatedAt: now}
	})
	if err != nil || owner.ID == "" {
		return "", err // members are here, or another node that starts at the same moment welcomes
	}
	return h.SignInLink(ctx, owner.Workspace, owner.ID)
}

// base is the URL under which the hub is reached, without a slash at the end.
func (h *Hub) base() string {
	if h.Config.PublicURL != "" {
		return h.Config.PublicURL
	}
	return "http://" + h.Config.Listen
}
