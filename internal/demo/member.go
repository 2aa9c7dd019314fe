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

// pages prints where everything is and how to come in.
func (w *world) pages(ctx context.Context, h *serve.Hub) error {
	link, err := h.SignInLink(ctx, workspaceID, ownerID)
	if err != nil {
		return err
	}
	after := ""
	if w.password != "" { // else it was shown when the folder was new
		after = fmt.Sprintf("; after that %s with the password %s", ownerMail, w.password)
	}
	_, err = fmt.Fprintf(w.out, `
ready %s
  pages      %s
             (once, within 10 minutes%s)
  gallery    %s/_pages
  inbox      %s
  Chatwork   %s/view
  API        %s/v1/messages
  API key    %s
A few events arrive every minute. Ctrl-C stops.
`, w.hubURL, link, after, w.hubURL, w.inboxURL, w.chatURL, w.hubURL, w.key.Reveal())
	return err
}
