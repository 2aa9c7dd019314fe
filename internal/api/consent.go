package api

import (
	"context"
	"strconv"
	"time"

	"github.com/engawa/engawa"
)

type evidenceBody struct {
	Wording string        `json:"wording" maxLength:"4000" doc:"The text that was shown"`
	Version string        `json:"version" maxLength:"64"`
	Where   string        `json:"where" maxLength:"500" doc:"The page, form, shop or call"`
	How     string        `json:"how" maxLength:"64" example:"checkbox"`
	Locale  engawa.Locale `json:"locale,omitempty" maxLength:"35" doc:"Of the wording"`
	Network string        `json:"network,omitempty" maxLength:"64" doc:"Where the browser was, cut to /24 of IPv4 or /48 of IPv6"`
	Agent   string        `json:"agent,omitempty" maxLength:"32" enum:"phone,tablet,desktop,bot,other" doc:"The class of the browser"`
}

type consentNew struct {
	Controller string         `json:"controller,omitempty" maxLength:"64" default:"workspace" doc:"Who the decision is for: workspace, or a partner's id"`
	App        string         `json:"app,omitempty" maxLength:"64" doc:"All apps if empty"`
	Act        engawa.Act     `json:"act" enum:"contact,contact_at_night,share_address,share_usage"`
	Purpose    engawa.Purpose `json:"purpose" enum:"service,notice,marketing"`
	Channel    string         `json:"channel,omitempty" maxLength:"64" doc:"All channels if empty"`
	Topic      string         `json:"topic,omitempty" maxLength:"64" doc:"All topics if empty"`
	Given      *bool          `json:"given" nullable:"false" doc:"False: withdrawn"`
	Evidence   evidenceBody   `json:"evidence,omitzero" doc:"How it can be proved; a consent that is given needs it whole"`
}

type consentIn struct {
	One
	Body consentNew
}

type consentDecided struct {
	ID    string    `json:"id"`
	Given bool      `json:"given"`
	At    time.Time `json:"at"`
}

func (a *API) addConsent(ctx context.Context, c *call, in *consentIn) (consentDecided, error) {
	b := in.Body
	if *b.Given && (b.Evidence.Wording == "" || b.Evidence.Version == "" || b.Evidence.Where == "" || b.Evidence.How == "") {
		return consentDecided{}, engawa.Invalid("/evidence", "give wording, version, where and how", "a consent that cannot be proved does not count")
	}
	cn := engawa.Consent{
		Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixConsent), Customer: in.ID, Controller: engawa.ControllerWorkspace,
		App: b.App, Act: b.Act, Purpose: b.Purpose, Channel: b.Channel, Topic: b.Topic, Given: *b.Given, At: time.Now().UTC(), Evidence: engawa.Evidence(b.Evidence),
	}
	if b.Controller != "" && b.Controller != engawa.ControllerWorkspace {
		if _, err := a.partner(ctx, c.workspace, b.Controller); err != nil {
			return consentDecided{}, engawa.Within("/controller", err)
		}
		cn.Controller = b.Controller
	}
	return consentDecided{cn.ID, cn.Given, cn.At}, c.store.Decide(ctx, cn)
}

type consentOut struct {
	ID         string         `json:"id"`
	Controller string         `json:"controller" doc:"workspace, or a partner's id"`
	App        string         `json:"app"`
	Act        engawa.Act     `json:"act"`
	Purpose    engawa.Purpose `json:"purpose"`
	Channel    string         `json:"channel"`
	Topic      string         `json:"topic"`
	Given      bool           `json:"given"`
	At         time.Time      `json:"at"`
	ToldAt     time.Time      `json:"told_at,omitzero" doc:"When the customer was told what came of it, where a law asks for that"`
	ToldBy     string         `json:"told_by,omitempty" doc:"The message that tells it, or the task that a person did; without told_at it is under way, or unasked: no law that the hub knew asked for it in time"`
	RemindedAt time.Time      `json:"reminded_at,omitzero" doc:"When the customer was last told that it stands"`
	RemindedBy string         `json:"reminded_by,omitempty"`
	Evidence   evidenceBody   `json:"evidence"`
}

type consentList struct {
	Consents []consentOut `json:"consents" doc:"Every decision, newest first"`
	Next     string       `json:"next"`
}

type consentsIn struct {
	One
	Paging
}

func (a *API) listConsents(ctx context.Context, c *call, in *consentsIn) (consentList, error) {
	if _, err := a.Store.Customer(ctx, c.workspace, in.ID); err != nil {
		return consentList{}, err
	}
	all, err := a.Store.Consents(ctx, c.workspace, in.ID)
	consents, next, err := part(in.Paging, engawa.PrefixConsent, all, err, func(cn engawa.Consent) string { return cn.ID }, showConsent)
	return consentList{consents, next}, err
}

func showConsent(cn engawa.Consent) consentOut {
	return consentOut{cn.ID, cn.Controller, cn.App, cn.Act, cn.Purpose, cn.Channel, cn.Topic, cn.Given, cn.At.UTC(), cn.Said.ResultAt, cn.Said.ResultBy, cn.Said.ReminderAt, cn.Said.ReminderBy, evidenceBody(cn.Evidence)}
}

func itoa(n int) string { return strconv.Itoa(n) }
