package api

import (
	"context"
	"time"

	"github.com/engawa/engawa"
)

type houseBody struct {
	CapPerDay    int      `json:"cap_per_day" minimum:"0" maximum:"1000" doc:"Messages to one customer in 24 hours; 0 for the rule's default"`
	CapPerSender int      `json:"cap_per_sender" minimum:"0" maximum:"1000" doc:"Of these, from one partner"`
	MinAge       int      `json:"min_age,omitzero" minimum:"0" maximum:"30" doc:"Years; 0 for the rule's default"`
	QuietAll     bool     `json:"quiet_all,omitzero" doc:"Quiet hours hold service messages too"`
	Markets      []string `json:"markets,omitempty" maxItems:"64" pattern:"^[A-Z]{2}$" example:"JP" doc:"Countries in which customers may be whose own is not known: the strictest of their rules count. Empty: any country's"`
}

func showHouse(h engawa.House) houseBody {
	return houseBody{h.CapPerDay, h.CapPerSender, h.MinAge, h.QuietAllSilent, h.Markets}
}

func (b houseBody) house() engawa.House {
	return engawa.House{CapPerDay: b.CapPerDay, CapPerSender: b.CapPerSender, MinAge: b.MinAge, QuietAllSilent: b.QuietAll, Markets: b.Markets}
}

type workspaceOut struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"`
	Locale    engawa.Locale `json:"locale" enum:"ja,ko,en"`
	Zone      string        `json:"zone" example:"Asia/Tokyo"`
	Country   string        `json:"country" example:"JP"`
	Sender    senderBody    `json:"sender" doc:"The legal sender, as the law asks to name it"`
	House     houseBody     `json:"house" doc:"The business's own rules on top of the law"`
	CreatedAt time.Time     `json:"created_at"`
}

func showWorkspace(w engawa.Workspace) workspaceOut {
	return workspaceOut{w.ID, w.Name, w.Locale, w.Zone, w.Country, senderBody(w.Sender), showHouse(w.House), w.CreatedAt.UTC()}
}

func (a *API) getWorkspace(ctx context.Context, c *call, _ *struct{}) (workspaceOut, error) {
	w, err := a.Store.Workspace(ctx, c.workspace)
	return showWorkspace(w), err
}

type workspaceChange struct {
	Body struct {
		Name    *string        `json:"name,omitempty" minLength:"1" maxLength:"200"`
		Locale  *engawa.Locale `json:"locale,omitempty" enum:"ja,ko,en"`
		Zone    *string        `json:"zone,omitempty" minLength:"1" maxLength:"64"`
		Country *string        `json:"country,omitempty" pattern:"^[A-Z]{2}$"`
		Sender  *senderBody    `json:"sender,omitempty"`
		House   *houseBody     `json:"house,omitempty"`
	}
}

func (a *API) changeWorkspace(ctx context.Context, c *call, in *workspaceChange) (workspaceOut, error) {
	w, err := a.Store.Workspace(ctx, c.workspace)
	if err != nil {
		return workspaceOut{}, err
	}
	b := in.Body
	set(&w.Name, b.Name)
	set(&w.Locale, b.Locale)
	set(&w.Zone, b.Zone)
	set(&w.Country, b.Country)
	if b.Sender != nil {
		w.Sender = engawa.SenderProfile(*b.Sender)
	}
	if b.House != nil {
		w.House = b.House.house()
	}
	if err := checkZone("/zone", w.Zone); err != nil {
		return workspaceOut{}, err
	}
	if err := c.store.ChangeWorkspace(ctx, w); err != nil {
		return workspaceOut{}, err
	}
	return showWorkspace(w), nil
}
