package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/mail"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/api"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

// inWorkspace names the workspace that a command works in.
type inWorkspace struct {
	configFile
	Workspace string
}

// in opens the hub and finds the workspace.
func (w inWorkspace) in(ctx context.Context, do func(h *serve.Hub, workspace string) error) error {
	return w.with(ctx, w.found(ctx, do))
}

// lookIn is in for what changes nothing.
func (w inWorkspace) lookIn(ctx context.Context, do func(h *serve.Hub, workspace string) error) error {
	return w.look(ctx, w.found(ctx, do))
}

func (w inWorkspace) found(ctx context.Context, do func(h *serve.Hub, workspace string) error) func(*serve.Hub) error {
	return func(h *serve.Hub) error {
		id, err := w.find(ctx, h)
		if err != nil {
			return err
		}
		return do(h, id)
	}
}

func (w inWorkspace) find(ctx context.Context, h *serve.Hub) (string, error) {
	all, err := h.Store.Workspaces(ctx)
	if err != nil {
		return "", err
	}
	if w.Workspace == "" && len(all) == 1 {
		return all[0].ID, nil
	}
	for _, x := range all {
		if x.ID == w.Workspace {
			return x.ID, nil
		}
	}
	if w.Workspace == "" {
		return "", engawa.Invalid("", "name one with --workspace; engawa workspace list shows them, engawa workspace add makes one",
			"there are %d workspaces and none was named", len(all))
	}
	return "", engawa.Invalid("", "engawa workspace list shows those that there are", "there is no workspace %q", w.Workspace)
}

// note writes what the administrator of this machine did into the audit trail.
func note(ctx context.Context, h *serve.Hub, workspace, action, object string) error {
	return h.Store.Note(ctx, store.Audit{Workspace: workspace, Actor: "system:command", Action: action, Object: object})
}

type workspaceCmd struct {
	Add  workspaceAdd  `cmd:""`
	List workspaceList `cmd:""`
}

type workspaceAdd struct {
	configFile
	Name    string `arg:""`
	Locale  string `enum:"ja,ko,en" default:"ja"`
	Zone    string `default:"Asia/Tokyo"`
	Country string `default:"JP"`
}

// Run adds the workspace.
func (a workspaceAdd) Run(ctx context.Context, v text.Viewer, k *kong.Context) error {
	if err := cmp.Or(checkZone(v, k.Selected(), "--zone", a.Zone), checkCountry(v, k.Selected(), "--country", a.Country)); err != nil {
		return err
	}
	return a.with(ctx, func(h *serve.Hub) error {
		w := engawa.Workspace{
			ID: engawa.NewID(engawa.PrefixWorkspace), Name: a.Name, Locale: engawa.Locale(a.Locale), Zone: a.Zone, Country: a.Country, CreatedAt: time.Now(),
		}
		if err := h.Store.AddWorkspace(ctx, w); err != nil {
			return err
		}
		fmt.Println(w.ID)
		return note(ctx, h, w.ID, "add-workspace", w.ID)
	})
}

type workspaceList struct{ configFile }

// Run lists id, language, country and name.
func (l workspaceList) Run(ctx context.Context) error {
	return l.look(ctx, func(h *serve.Hub) error {
		all, err := h.Store.Workspaces(ctx)
		for _, w := range all {
			fmt.Printf("%s\t%s\t%s\t%s\n", w.ID, w.Locale, w.Country, w.Name)
		}
		return err
	})
}

type memberCmd struct {
	Add     memberAdd     `cmd:""`
	List    memberList    `cmd:""`
	Link    memberLink    `cmd:""`
	Disable memberDisable `cmd:""`
}

type memberAdd struct {
	inWorkspace
	Name     string `arg:""`
	Role     string `enum:"owner,admin,support,viewer" default:"owner"`
	MailFile string
}

// Run adds the member. The address is read from a file, since every user of the
// machine sees command lines; the member sets a password in the settings.
func (a memberAdd) Run(ctx context.Context) error {
	address, err := a.mail()
	if err != nil {
		return err
	}
	return a.in(ctx, func(h *serve.Hub, workspace string) error {
		m := engawa.Member{Workspace: workspace, ID: engawa.NewID(engawa.PrefixMember), Name: a.Name, Mail: address, Role: engawa.Role(a.Role), CreatedAt: time.Now()}
		if err := h.Store.AddMember(ctx, store.SignIn{Member: m}); err != nil {
			return err
		}
		if err := note(ctx, h, workspace, "add-member", m.ID); err != nil {
			return err
		}
		link, err := h.SignInLink(ctx, workspace, m.ID)
		if err != nil {
			return err
		}
		fmt.Printf("%s\n%s\n", m.ID, link)
		return nil
	})
}

func (a memberAdd) mail() (engawa.Address, error) {
	var file []byte
	var err error
	switch a.MailFile {
	case "":
		return "", nil
	case "-":
		file, err = io.ReadAll(io.LimitReader(os.Stdin, 1000))
	default:
		file, err = os.ReadFile(a.MailFile)
	}
	if err != nil {
		return "", fmt.Errorf("read the mail address: %w", err)
	}
	address, err := mail.ParseAddress(strings.TrimSpace(string(file)))
	if err != nil || address.Name != "" {
		return "", engawa.Invalid("", "write it alone on one line, such as owner@shop.example", "the file %s does not hold one mail address", a.MailFile)
	}
	return engawa.Address(address.Address), nil
}

type memberList struct{ inWorkspace }

// Run lists id, role and name.
func (l memberList) Run(ctx context.Context) error {
	return l.lookIn(ctx, func(h *serve.Hub, workspace string) error {
		all, err := h.Store.Members(ctx, workspace)
		for _, m := range all {
			fmt.Printf("%s\t%s\t%s\n", m.ID, m.Role, m.Name)
		}
		return err
	})
}

type memberLink struct {
	inWorkspace
	ID string `arg:""`
}

// Run prints the link alone, so that a script can hand it on.
func (l memberLink) Run(ctx context.Context) error {
	return l.in(ctx, func(h *serve.Hub, workspace string) error {
		link, err := h.SignInLink(ctx, workspace, l.ID)
		if err == nil {
			fmt.Println(link)
		}
		return err
	})
}

type memberDisable struct {
	inWorkspace
	ID string `arg:""`
}

// Run ends the member; the last owner stays.
func (d memberDisable) Run(ctx context.Context) error {
	return d.in(ctx, func(h *serve.Hub, workspace string) error {
		if err := h.Store.EndMember(ctx, workspace, d.ID); err != nil {
			return err
		}
		return note(ctx, h, workspace, "end-member", d.ID)
	})
}

type keyCmd struct {
	Add     keyAdd     `cmd:""`
	List    keyList    `cmd:""`
	Disable keyDisable `cmd:""`
	Rotate  keyRotate  `cmd:""`
}

type keyAdd struct {
	inWorkspace
	Name  string   `arg:""`
	Scope []string `required:""`
}

// Run makes the key; only its text goes to standard output.
func (a keyAdd) Run(ctx context.Context, v text.Viewer, k *kong.Context) error {
	if err := checkScopes(v, k.Selected(), "--scope", a.Scope); err != nil {
		return err
	}
	return a.in(ctx, func(h *serve.Hub, workspace string) error {
		key, err := api.NewKey(ctx, h.Store, workspace, a.Name, a.Scope...)
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "the key is shown this once; keep it where only its user can read it:")
		fmt.Println(key.Reveal())
		return note(ctx, h, workspace, "add-key", "")
	})
}

type keyList struct{ inWorkspace }

// Run lists id, end, state and name.
func (l keyList) Run(ctx context.Context) error {
	return l.lookIn(ctx, func(h *serve.Hub, workspace string) error {
		all, err := h.Store.Keys(ctx, workspace)
		for _, k := range all {
			fmt.Printf("%s\t%s\t%s\t%s\n", k.ID, k.EndsAt.UTC().Format(time.DateOnly), keyState(k), k.Name)
		}
		return err
	})
}

func keyState(k store.APIKey) string {
	switch {
	case !k.RevokedAt.IsZero():
		return "disabled"
	case !time.Now().Before(k.EndsAt):
		return "expired"
	}
	return "valid"
}

type keyDisable struct {
	inWorkspace
	ID string `arg:""`
}

// Run revokes the key.
func (d keyDisable) Run(ctx context.Context) error {
	return d.in(ctx, func(h *serve.Hub, workspace string) error {
		if err := h.Store.RevokeKey(ctx, workspace, d.ID); err != nil {
			return err
		}
		return note(ctx, h, workspace, "revoke-key", d.ID)
	})
}

type keyRotate struct{ configFile }

// Run rotates; interrupted, it may be run again.
func (r keyRotate) Run(ctx context.Context) error {
	return r.with(ctx, func(h *serve.Hub) error {
		n, err := h.RotateKeys(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("rewrapped %d data keys; add the new %s to your key backup\n", n, h.Config.KeyFile)
		return nil
	})
}

type partnerCmd struct {
	Add     partnerAdd     `cmd:""`
	List    partnerList    `cmd:""`
	Secret  partnerSecret  `cmd:""`
	Disable partnerDisable `cmd:""`
}

type partnerAdd struct {
	inWorkspace
	Name string `arg:""`
}

// Run adds the partner.
func (a partnerAdd) Run(ctx context.Context) error {
	return a.in(ctx, func(h *serve.Hub, workspace string) error {
		p := engawa.Partner{Workspace: workspace, ID: engawa.NewID(engawa.PrefixPartner), Name: a.Name, CreatedAt: time.Now()}
		if err := h.Store.AddPartner(ctx, p); err != nil {
			return err
		}
		fmt.Println(p.ID)
		return note(ctx, h, workspace, "add-partner", p.ID)
	})
}

type partnerList struct{ inWorkspace }

// Run lists id and name.
func (l partnerList) Run(ctx context.Context) error {
	return l.lookIn(ctx, func(h *serve.Hub, workspace string) error {
		all, err := h.Store.Partners(ctx, workspace)
		for _, p := range all {
			fmt.Printf("%s\t%s\n", p.ID, p.Name)
		}
		return err
	})
}

type partnerSecret struct {
	inWorkspace
	ID string `arg:""`
}

// Run makes a client secret of the partner and prints it, this once.
func (p partnerSecret) Run(ctx context.Context) error {
	return p.in(ctx, func(h *serve.Hub, workspace string) error {
		k, text := access.NewKey(access.PartnerEnv)
		row := k.Row(workspace, "client secret")
		row.Partner = p.ID
		if err := h.Store.By("system:command").AddSecret(ctx, row); err != nil {
			return err
		}
		fmt.Println(text.Reveal())
		return nil
	})
}

type partnerDisable struct {
	inWorkspace
	ID string `arg:""`
}

// Run ends the partner: its grants, its secrets, its handles, and what is queued.
func (d partnerDisable) Run(ctx context.Context) error {
	return d.in(ctx, func(h *serve.Hub, workspace string) error {
		_, err := h.Store.By("system:command").EndPartner(ctx, workspace, d.ID)
		return err
	})
}
