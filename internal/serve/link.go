package serve

import (
	"context"
	"encoding/hex"
	"errors"
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
	all, err := h.Store.Workspaces(ctx)
	if err != nil {
		return "", err
	}
	for _, w := range all {
		members, err := h.Store.Members(ctx, w.ID)
		if err != nil || len(members) > 0 {
			return "", err
		}
	}
	now := time.Now()
	if len(all) == 0 {
		w := engawa.Workspace{ID: engawa.NewID(engawa.PrefixWorkspace), Name: "Engawa", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: now}
		if err := h.Store.AddWorkspace(ctx, w); err != nil {
			return "", err
		}
		all = append(all, w)
	}
	owner := engawa.Member{
		Workspace: all[0].ID, ID: engawa.NewID(engawa.PrefixMember), Name: h.Words.T(all[0].Locale, "role.owner"), Role: engawa.Owner, CreatedAt: now,
	}
	err = h.Store.AddMember(ctx, store.SignIn{Member: owner})
	if e, ok := errors.AsType[*engawa.Error](err); ok && e.Code == engawa.CodeConflict {
		return "", nil // another node that starts at the same moment welcomes
	}
	if err != nil {
		return "", err
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
