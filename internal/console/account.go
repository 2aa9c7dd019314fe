package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/message"
)

func (v AccountForm) action() string {
	if v.ID == "" {
		return "/accounts/new?kind=" + v.Kind
	}
	return "/accounts/" + v.ID
}

func (v AccountForm) environments() []Choice {
	return []Choice{
		{engawa.Production, v.T("account.production")},
		{engawa.Sandbox, v.T("accounts.sandbox")},
	}
}

func (v AccountForm) owners() []Choice {
	return []Choice{
		{engawa.OwnerWorkspace, v.T("account.owner.workspace")},
		{engawa.OwnerOther, v.T("account.owner.other")},
	}
}

// shape is how a field is entered: what is picked from nothing is written.
func (f FormField) shape() string {
	if f.Type == "pick" && len(f.Choices) > 0 || f.Type == "app" {
		return "choice"
	}
	return f.Type
}

func (f FormField) inputType() string {
	switch {
	case f.Secret:
		return "password"
	case f.Type == "mail":
		return "email"
	case f.Type == "url":
		return "url"
	}
	return "text"
}

func (f FormField) inputMode() string {
	if f.Type == "number" {
		return "numeric"
	}
	return ""
}

// autocomplete keeps password managers from filling a provider's secret with
// the member's own.
func (f FormField) autocomplete() string {
	if f.Secret {
		return "new-password"
	}
	return "off"
}

// kept says that a secret is on file and stays when the input is left empty.
func kept(p Page, f FormField) string {
	if f.Kept {
		return p.T("form.kept")
	}
	return ""
}

func itoa64(n int64) string { return strconv.FormatInt(n, 10) }

func (c *console) accounts(v *visit) error {
	all, err := c.Store.Accounts(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	lanes, err := c.laneRows(v)
	if err != nil {
		return err
	}
	view := Accounts{Page: v.titled("accounts", v.T("accounts.title"))}
	for _, k := range c.Kinds {
		view.Kinds = append(view.Kinds, Choice{k.Name, v.kindWords(k.Name)})
	}
	for _, a := range all {
		kind, _ := c.kind(a.Kind)
		row := AccountRow{
			ID: a.ID, Name: a.Name, Kind: v.kindBeside(a.Kind, a.Name), Environment: a.Environment, Owner: v.ownerWords(a.Owner), Custodian: orDash(a.Custodian),
			Enabled: a.Enabled, Sends: kind.ToStaff && kind.New != nil, Lane: LaneRow{Account: a.ID, Off: !a.Enabled},
		}
		for _, l := range lanes {
			if l.Account == a.ID {
				row.Lane = l
			}
		}
		view.Rows = append(view.Rows, row)
	}
	return v.show(AccountsPage(view))
}

func (p Page) ownerWords(owner string) string {
	switch owner {
	case engawa.OwnerWorkspace, "":
		return p.T("account.owner.workspace")
	case engawa.OwnerOther:
		return p.T("account.owner.other")
	}
	return owner
}

func (c *console) newAccount(v *visit) error {
	kind, ok := c.kind(v.r.URL.Query().Get("kind"))
	if !ok {
		return engawa.NotFound("kind of channel")
	}
	a := engawa.Account{Kind: kind.Name, Name: v.kindWords(kind.Name), Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: kind.Form == nil}
	view, err := c.accountView(v, kind, a)
	if err != nil {
		return err
	}
	return v.show(AccountPage(view))
}

func (c *console) account(v *visit) error {
	a, kind, err := c.openAccount(v)
	if err != nil {
		return err
	}
	view, err := c.accountView(v, kind, a)
	if err != nil {
		return err
	}
	return v.show(AccountPage(view))
}

func (c *console) openAccount(v *visit) (engawa.Account, channel.Kind, error) {
	a, err := c.Store.Account(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return a, channel.Kind{}, err
	}
	kind, ok := c.kind(a.Kind)
	if !ok {
		return a, kind, engawa.NotFound("kind of channel")
	}
	return a, kind, nil
}

// accountView makes the form of an account. Secrets never go into the page.
func (c *console) accountView(v *visit, kind channel.Kind, a engawa.Account) (AccountForm, error) {
	title := a.Name
	if a.ID == "" {
		title = v.T("account.new", "kind", v.kindWords(kind.Name))
	}
	view := AccountForm{
		Page: v.titled("accounts", title), ID: a.ID, Kind: kind.Name, Name: a.Name, Environment: a.Environment, Owner: a.Owner, Custodian: a.Custodian,
		Enabled: a.Enabled, Version: a.Version, CanTest: kind.ToStaff && kind.New != nil && kind.Form == nil, CanNotice: kind.Places != nil, TestTo: "", FillsIn: kind.Form != nil, Uploads: kind.File,
	}
	if kind.SetsEnvironment() {
		view.Environment = ""
	}
	view.Path = view.action()
	view.Warning = v.warning(kind)
	has := c.options(v, kind, a)
	for _, f := range kind.Fields {
		if f.Type == channel.Own || onForm(kind, f.Key) || f.Type == channel.Pick && a.ID == "" {
			continue
		}
		shown := v.formField(kind.Name, f, a.Settings)
		if f.Type == channel.Pick {
			shown.Choices = v.pickFrom(has[f.Key], shown.Value)
		}
		if f.Type == channel.OfApp {
			var err error
			if shown.Choices, err = c.appChoices(v, shown.Value); err != nil {
				return view, err
			}
		}
		view.Fields = append(view.Fields, shown)
	}
	if a.ID != "" && c.InboxAddress != nil && (kind.Mailbox || kind.Name == "mail") {
		view.Inbox, view.Mailbox = c.InboxAddress(a.ID), kind.Mailbox
	}
	if a.ID != "" && c.receives(kind, a) {
		view.Callback = c.PublicURL + "/in/" + a.ID
	}
	if a.ID != "" && kind.SignIn != nil {
		view.Door = c.PublicURL + "/mypage/at/" + v.ws()
		view.Return = view.Door + "/" + a.ID
	}
	if kind.Between != nil && a.ID != "" {
		rows, err := c.receivers(v)
		if err != nil {
			return view, err
		}
		view.Refused = refusing(rows, a)
	}
	view.CanAnswer = a.ID != "" && kind.First != nil
	if view.CanAnswer && v.r.URL.Query().Has("answer") {
		view.Answer = c.firstAnswer(v, kind, a)
	}
	var err error
	view.Hearing, err = c.hearing(v, a)
	return view, err
}

// firstAnswer asks what the provider answers to settings, as they are or as somebody
// wants to save them.
func (c *console) firstAnswer(v *visit, kind channel.Kind, a engawa.Account) string {
	s, err := kind.Check(a.Settings)
	if err != nil || kind.First == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(v.ctx(), askTime)
	defer cancel()
	if text := kind.First(ctx, s, c.Env); text != "" {
		return text
	}
	return v.T("account.answer.none")
}

// askTime is how long a page waits for what a provider has to choose from.
const askTime = 5 * time.Second

// options asks an account that is on file what its settings may name; nil where
// there is nothing to ask, or no answer.
func (c *console) options(v *visit, kind channel.Kind, a engawa.Account) map[string][]channel.Option {
	settings, err := kind.Check(a.Settings)
	if err != nil || kind.Options == nil || a.ID == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(v.ctx(), askTime)
	defer cancel()
	has, err := kind.Options(ctx, settings, c.Env)
	if err != nil {
		return nil // the input takes an id as well, and saving checks it
	}
	return has
}

// pickFrom are the choices of a setting: none, what the provider has and, where
// it has that no more, what is set.
func (p Page) pickFrom(has []channel.Option, set string) []Choice {
	if len(has) == 0 {
		return nil
	}
	out := []Choice{{"", p.T("form.unset")}}
	known := set == ""
	for _, o := range has {
		known = known || o.Value == set
		out = append(out, Choice{o.Value, o.Name})
	}
	if !known {
		out = append(out, Choice{set, set})
	}
	return out
}

// receives reports whether an account takes the provider's callbacks.
func (c *console) receives(kind channel.Kind, a engawa.Account) bool {
	if kind.Source != nil {
		return true
	}
	settings, err := kind.Check(a.Settings)
	if err != nil || kind.New == nil {
		return false
	}
	ch, err := kind.New(settings, c.Env)
	if err != nil {
		return false
	}
	if closer, ok := ch.(channel.Closer); ok {
		defer closer.Close() //nolint:errcheck // it was never used
	}
	_, ok := ch.(channel.Receiver)
	return ok
}

func (p Page) formField(kind string, f channel.Field, settings map[string]string) FormField {
	out := FormField{Key: f.Key, Type: string(f.Type), Label: f.Key, Required: f.Required, Secret: f.Type.Secret()}
	if p.Words.Has("kind." + kind + "." + f.Key) {
		out.Label = p.T("kind." + kind + "." + f.Key)
	}
	if p.Words.Has("kind." + kind + "." + f.Key + ".help") {
		out.Help = p.T("kind." + kind + "." + f.Key + ".help")
	}
	value, given := settings[f.Key]
	if !given {
		value = f.Default
	}
	if out.Secret {
		out.Kept = value != ""
	} else {
		out.Value = value
	}
	for _, choice := range f.Choices {
		label := choice
		if p.Words.Has("choice." + choice) {
			label = p.T("choice." + choice)
		}
		out.Choices = append(out.Choices, Choice{choice, label})
	}
	return out
}

func (c *console) addAccount(v *visit) error {
	kind, ok := c.kind(v.r.URL.Query().Get("kind"))
	if !ok {
		return engawa.NotFound("kind of channel")
	}
	a := v.accountFrom(kind, engawa.Account{Workspace: v.ws(), Kind: kind.Name, CreatedAt: v.Now})
	doubt, err := c.tryAccount(v, kind, a)
	if err != nil {
		return c.accountAgain(v, kind, nil, a, err)
	}
	a.ID = engawa.NewID(engawa.PrefixAccount)
	if err := v.by.AddAccount(v.ctx(), a); err != nil {
		return err
	}
	return v.see("/accounts/"+a.ID, savedWith[doubt])
}

func (c *console) changeAccount(v *visit) error {
	stored, kind, err := c.openAccount(v)
	if err != nil {
		return err
	}
	a := v.accountFrom(kind, stored)
	if a.Version, err = v.version(); err != nil {
		return err
	}
	doubt, err := c.tryAccount(v, kind, a)
	if err != nil {
		return c.accountAgain(v, kind, stored.Settings, a, err)
	}
	if err := v.by.ChangeAccount(v.ctx(), a); err != nil {
		return err
	}
	return v.see("/accounts/"+a.ID, savedWith[doubt])
}

// savedWith is what is said of an account that was saved.
var savedWith = map[channel.Doubt]string{channel.NoDoubt: "saved", channel.Unasked: "unasked", channel.Refused: "doubted"}

// tryAccount says what is wrong with an account's settings, here or at the provider.
func (c *console) tryAccount(v *visit, kind channel.Kind, a engawa.Account) (channel.Doubt, error) {
	doubt, err := kind.Try(v.ctx(), a.Settings, c.Env)
	if err != nil {
		return doubt, err
	}
	field, id := kind.App(a.Settings)
	return doubt, c.hasApp(v, field, id)
}

// accountFrom reads the form over what is stored: a secret that was left empty stays.
func (v *visit) accountFrom(kind channel.Kind, stored engawa.Account) engawa.Account {
	a := stored
	a.Name = strings.TrimSpace(v.r.PostFormValue("name"))
	a.Environment = engawa.Production
	if v.r.PostFormValue("environment") == engawa.Sandbox {
		a.Environment = engawa.Sandbox
	}
	a.Owner = v.r.PostFormValue("owner")
	a.Custodian = strings.TrimSpace(v.r.PostFormValue("custodian"))
	a.Enabled = v.r.PostFormValue("enabled") == "true"
	a.Settings = map[string]string{}
	for _, f := range kind.Fields {
		value := v.setting(f)
		if value == "" && f.Type.Secret() || onForm(kind, f.Key) || f.Type == channel.Own {
			value = stored.Settings[f.Key]
		}
		if value != "" {
			a.Settings[f.Key] = value
		}
	}
	a.Environment = kind.Environment(a.Settings, a.Environment)
	return a
}

// version is the version that a form was opened on.
func (v *visit) version() (int64, error) {
	n, err := strconv.ParseInt(v.r.PostFormValue("version"), 10, 64)
	if err != nil {
		return 0, engawa.Invalid("/version", "open the form again", "the form has no version")
	}
	return n, nil
}

// setting is what was entered for a field.
func (v *visit) setting(f channel.Field) string {
	value := v.typed("s." + f.Key)
	switch {
	case f.Type == channel.PEM, f.Type == channel.Lines:
		return strings.ReplaceAll(value, "\r\n", "\n")
	case f.Type == channel.Bool && value == "":
		return "false"
	}
	return value
}

// onForm reports whether a setting is chosen on the page of the account's form.
func onForm(kind channel.Kind, key string) bool {
	return kind.Form != nil && slices.Contains(kind.Form.Fields, key)
}

// accountAgain shows the form again with what is wrong beside its input. A secret
// that was typed is not on the page and not on file: only a stored one is.
func (c *console) accountAgain(v *visit, kind channel.Kind, stored map[string]string, a engawa.Account, err error) error {
	var told *engawa.Error
	if !errors.As(err, &told) {
		return err
	}
	view, err := c.accountView(v, kind, a)
	if err != nil {
		return err
	}
	view.Problem, view.Answer = v.T("form.check"), c.firstAnswer(v, kind, a)
	for i, f := range view.Fields {
		view.Fields[i].Kept = f.Secret && stored[f.Key] != ""
		if told.Field != "/settings/"+f.Key {
			continue
		}
		view.Remedy = f.Label
		view.Fields[i].Bad = v.wrong(f.Type)
		if own := "kind." + kind.Name + "." + f.Key + ".wrong"; v.Words.Has(own) {
			view.Fields[i].Bad = v.T(own)
		}
		if part := "kind." + kind.Name + "." + f.Key + ".unknown"; told.Part != "" && v.Words.Has(part) {
			view.Fields[i].Bad = v.T(part, "part", told.Part)
		}
		if a.Settings[f.Key] == "" {
			view.Fields[i].Bad = v.T("form.required")
		}
	}
	return v.showAs(http.StatusUnprocessableEntity, AccountPage(view))
}

// wrong says what a field of a type takes.
func (p Page) wrong(fieldType string) string {
	switch channel.FieldType(fieldType) {
	case channel.Mail:
		return p.T("form.wrong.mail")
	case channel.URL:
		return p.T("form.wrong.url")
	case channel.Number:
		return p.T("form.wrong.number")
	case channel.PEM:
		return p.T("form.wrong.pem")
	case channel.Host:
		return p.T("form.wrong.host")
	case channel.Lines:
		return p.T("form.wrong.lines")
	case channel.OfApp:
		return p.T("gap.app.wrong")
	case channel.Text, channel.SecretField, channel.Bool, channel.Choice, channel.Own, channel.Input, channel.Pick:
	}
	return p.T("form.wrong")
}

// testAccount sends a test to a place of the member's, through the verdict and
// the lane like any message, and shows what becomes of it.
func (c *console) testAccount(v *visit) error {
	a, kind, err := c.openAccount(v)
	if err != nil {
		return err
	}
	typed := strings.TrimSpace(v.r.PostFormValue("to"))
	to, err := kind.Address(typed)
	if err == nil {
		err = kind.TryPlace(v.ctx(), a.Settings, c.Env, to)
	}
	if err != nil {
		view, err := c.accountView(v, kind, a)
		if err != nil {
			return err
		}
		view.TestTo, view.TestProblem, view.TestProblemRemedy = typed, v.T("form.wrong"), v.T("account.test.to.help")
		return v.showAs(http.StatusUnprocessableEntity, AccountPage(view))
	}
	destination, err := c.testPlace(v, a, to)
	if err != nil {
		return err
	}
	ms, err := c.Compose.Accept(v.ctx(), v.ws(), []message.Request{{
		Workspace: v.ws(), Member: v.member.ID, Destination: destination, Purpose: engawa.Service, Trigger: engawa.ByUser,
		Chain: []engawa.Via{{Account: a.ID}}, Urgent: true,
		Content: engawa.Content{Subject: v.T("account.test.subject"), Text: v.T("account.test.body", "account", a.Name, "member", v.member.Name)},
	}})
	if err != nil {
		return err
	}
	return v.see("/messages/"+ms[0].Message.ID+"#deliveries", "queued")
}

// testPlace returns the destination of an address on an account, made if there is none.
func (c *console) testPlace(v *visit, a engawa.Account, to engawa.Address) (string, error) {
	all, err := c.Store.Destinations(v.ctx(), v.ws())
	if err != nil {
		return "", err
	}
	for _, d := range all {
		if d.Account == a.ID && d.Address == to {
			return d.ID, nil
		}
	}
	d := engawa.Destination{
		Workspace: v.ws(), ID: engawa.NewID(engawa.PrefixDestination), Name: v.T("account.test.place", "member", v.member.Name),
		Account: a.ID, Address: to, Locale: v.Locale, CreatedAt: v.Now,
	}
	return d.ID, v.by.AddDestination(v.ctx(), d)
}
