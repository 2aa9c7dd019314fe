package console

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// places is the page of an account's destinations. Where the provider has a
// list, it is asked for it.
func (c *console) places(v *visit) error {
	view, _, _, err := c.placesView(v)
	if err != nil {
		return err
	}
	return v.show(PlacesPage(view))
}

// placesView loads the page, with the places that the account could post to. A
// provider that cannot be asked is a problem on the page, not an error.
func (c *console) placesView(v *visit) (Places, channel.Kind, []channel.Place, error) {
	a, kind, err := c.openAccount(v)
	if err == nil && (!kind.ToStaff || kind.New == nil) {
		err = engawa.NotFound("place of this account")
	}
	if err != nil {
		return Places{}, kind, nil, err
	}
	view := Places{Page: v.titled("accounts", v.T("places.of", "account", a.Name)), Account: a.ID, Listed: kind.Places != nil, Speaks: string(v.workspace.Locale)}
	view.Path = "/accounts/" + a.ID + "/places"
	all, err := c.Store.Destinations(v.ctx(), v.ws())
	if err != nil {
		return view, kind, nil, err
	}
	stops, err := c.Store.StoppedPlaces(v.ctx(), v.ws(), a.ID)
	if err != nil {
		return view, kind, nil, err
	}
	for _, d := range all {
		if d.Account == a.ID {
			view.Rows = append(view.Rows, PlaceRow{Name: d.Name, Address: d.Address.String(), Locale: d.Locale, Stops: stopsOf(stops, d.ID, view.Path+"/"+d.ID+"/lift")})
		}
	}
	if !view.Listed {
		return view, kind, nil, nil
	}
	offered, err := c.offered(v, kind, a)
	if _, ok := errors.AsType[*engawa.Error](err); ok {
		view.Problem, view.Remedy = v.T("places.unlisted"), v.T("places.unlisted.remedy")
		return view, kind, nil, nil
	}
	for _, p := range offered {
		r := Room{Key: placeKey(p.Address), Name: p.Name}
		if p.Refused != "" {
			r.Refused = v.T("place." + p.Refused)
		}
		view.Rooms = append(view.Rooms, r)
	}
	return view, kind, offered, err
}

func (c *console) offered(v *visit, kind channel.Kind, a engawa.Account) ([]channel.Place, error) {
	settings, err := kind.Check(a.Settings)
	if err != nil {
		return nil, err
	}
	return kind.Places(v.ctx(), settings, c.Env)
}

// placeKey stands for an address in a form: pages hold no address in full.
func placeKey(a engawa.Address) string { return markOf(a.Reveal()) }

func (c *console) addPlace(v *visit) error {
	view, kind, offered, err := c.placesView(v)
	if err != nil {
		return err
	}
	view.Name = v.typed("name")
	if l := v.r.PostFormValue("locale"); known(l) {
		view.Speaks = l
	}
	name, to, ok := v.chosen(kind, offered)
	if !ok {
		view.Problem = cmp.Or(view.Problem, v.T("places.choose"))
		return v.showAs(http.StatusUnprocessableEntity, PlacesPage(view))
	}
	if view.Name != "" {
		name = view.Name
	}
	err = v.by.AddDestination(v.ctx(), engawa.Destination{
		Workspace: v.ws(), ID: engawa.NewID(engawa.PrefixDestination), Name: name, Account: view.Account, Address: to, Locale: engawa.Locale(view.Speaks), CreatedAt: v.Now,
	})
	if err != nil {
		return err
	}
	return v.see(view.Path, "saved")
}

// chosen is the place of the form, with a name for it: one that the account
// offers and does not refuse or, where it has no list, an address of its kind.
func (v *visit) chosen(kind channel.Kind, offered []channel.Place) (name string, to engawa.Address, ok bool) {
	if kind.Places == nil {
		a, err := kind.Address(v.typed("address"))
		return a.String(), a, err == nil
	}
	for _, p := range offered {
		if p.Refused == "" && placeKey(p.Address) == v.r.PostFormValue("room") {
			return p.Name, p.Address, true
		}
	}
	return "", "", false
}
