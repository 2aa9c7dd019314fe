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
	w.head("demo.ready")
	for _, place := range []struct{ name, url string }{
		{w.words.T(w.locale, "demo.console"), link},
		{w.words.T(w.locale, "demo.inbox"), w.inboxURL + "/?lang=" + string(w.locale)},
		{w.words.T(w.locale, "demo.store"), w.storeURL + "/?lang=" + string(w.locale)},
		{w.words.T(w.locale, "demo.rooms"), w.chatURL + "/?lang=" + string(w.locale)},
		{w.words.T(w.locale, "demo.desk"), w.deskURL + "/?lang=" + string(w.locale)},
		{w.words.T(w.locale, "demo.line"), w.lineURL + "/?lang=" + string(w.locale)},
		{w.words.T(w.locale, "demo.push"), w.pushURL + "/?lang=" + string(w.locale)},
		{w.words.T(w.locale, "demo.sandbox"), w.trialURL + "/?lang=" + string(w.locale)},
		{w.words.T(w.locale, "demo.gallery"), w.hubURL + "/_pages"},
	} {
		fmt.Fprintf(w.out, "  %s\n      %s\n", place.name, place.url)
	}
	if w.password != "" { // else it was shown when the folder was new
		fmt.Fprintf(w.out, "  %s\n", w.words.T(w.locale, "demo.password", "mail", ownerMail, "password", w.password))
	}
	w.head("demo.try")
	for _, tip := range []string{
		w.words.T(w.locale, "demo.try.refused"), w.words.T(w.locale, "demo.try.unsubscribe"), w.words.T(w.locale, "demo.try.task"),
		w.words.T(w.locale, "demo.try.store"), w.words.T(w.locale, "demo.try.sandbox"),
	} {
		fmt.Fprintf(w.out, "  - %s\n", tip)
	}
	fmt.Fprintf(w.out, "  - %s\n      curl -H 'Authorization: Bearer %s' %s/v1/messages\n", w.words.T(w.locale, "demo.try.api"), w.key.Reveal(), w.hubURL)
	w.head("demo.goes_on")
	return nil
}
