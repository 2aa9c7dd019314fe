package demo

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
)

const (
	ownerID   = "mem_sato"
	ownerMail = "yuki@hinata.example"
)

// member adds the shop's owner, with a password of this demo's own, and shows
// the gallery of pages.
func (w *world) member(ctx context.Context, h *serve.Hub) error {
	h.Gallery = true
	w.password = strings.ToLower(rand.Text()[:12])
	phc, err := access.NewPasswords(access.DefaultCost(), 1).Hash(ctx, engawa.Secret(w.password))
	if err != nil {
		return err
	}
	return h.Store.AddMember(ctx, store.SignIn{Password: phc, Member: engawa.Member{
		Workspace: workspaceID, ID: ownerID, Name: "佐藤 ゆき", Mail: ownerMail, Role: engawa.Owner, Locale: engawa.Japanese, CreatedAt: time.Now(),
	}})
}

// pages prints how to come in.
func (w *world) pages(ctx context.Context, h *serve.Hub) error {
	link, err := h.SignInLink(ctx, workspaceID, ownerID)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.out, "  pages      %s\n             (once, within 10 minutes; after that %s with the password %s)\n  gallery    %s/_pages\nCtrl-C stops.\n", link, ownerMail, w.password, w.hubURL)
	return err
}
