package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/engawa/engawa/internal/access"
)

// Groups of operations, as the document shows them.
const (
	tagEvents    = "Events"
	tagMessages  = "Messages"
	tagCustomers = "Customers"
	tagSegments  = "Segments and broadcasts"
	tagRefunds   = "Refunds"
	tagAccounts  = "Accounts"
	tagRoutes    = "Routes"
	tagPartners  = "Partners"
	tagWebhooks  = "Webhooks"
	tagWork      = "Tasks"
	tagWorkspace = "Workspace"
	tagOffers    = "Offer codes"
	tagApp       = "For the app itself"
	tagPartner   = "For partners"
)

// tags are the groups in the order in which they are read.
func tags() []*huma.Tag {
	var all []*huma.Tag
	for _, name := range []string{tagEvents, tagMessages, tagCustomers, tagSegments, tagRefunds, tagAccounts, tagRoutes, tagWebhooks, tagPartners, tagWork, tagOffers, tagApp, tagPartner, tagWorkspace} {
		all = append(all, &huma.Tag{Name: name})
	}
	return all
}

const (
	get   = http.MethodGet
	post  = http.MethodPost
	put   = http.MethodPut
	patch = http.MethodPatch
	del   = http.MethodDelete

	ok       = http.StatusOK
	created  = http.StatusCreated
	accepted = http.StatusAccepted
)

// addOperations is the table of the API. POST /v1/events and /in are beside it
// (API.Handler).
func (a *API) addOperations(h huma.API) {
	a.addMessages(h)
	a.addCustomers(h)
	a.addSegments(h)
	a.addRefunds(h)
	a.addDesk(h)
	a.addAccounts(h)
	a.addRoutes(h)
	a.addWebhooks(h)
	a.addPartners(h)
	a.addWork(h)
	a.addOffers(h)
	a.addProducts(h)
	a.addRules(h)
	a.addAppItself(h)
	a.addPartnerSide(h)
}

func (a *API) addMessages(h huma.API) {
	add(a, h, op{"listEvents", get, "/v1/events", access.EventsRead, ok, tagEvents, "Events, newest first", ""}, a.listEvents)
	add(a, h, op{"getEvent", get, "/v1/events/{id}", access.EventsRead, ok, tagEvents, "One event", ""}, a.getEvent)
	add(a, h, op{
		"listEventTypes", get, "/v1/event-types", access.EventsRead, ok, tagEvents, "The catalogue of events",
		"The types that the hub knows, by group, and those that this workspace made.",
	}, a.listEventTypes)
	add(a, h, op{"getEventType", get, "/v1/event-types/{type}", access.EventsRead, ok, tagEvents, "One type of events, with the schema of its data and a sample", ""}, a.getEventType)
	add(a, h, op{
		"saveEventType", put, "/v1/event-types/{type}", access.RoutesWrite, ok, tagEvents, "Make a type of events, or change one that this workspace made",
		"What is posted to /v1/events from now on is held against the schema, here at once and on other nodes within 5 seconds.",
	}, a.saveEventType)
	add(a, h, op{
		"endEventType", del, "/v1/event-types/{type}", access.RoutesWrite, ok, tagEvents, "Take a type of this workspace away",
		"Its events and routes stay. New events of it are taken as they come.",
	}, a.endEventType)
	add(a, h, op{
		"sendMessage", post, "/v1/messages", access.MessagesSend, accepted, tagMessages, "Say something to somebody",
		"Answers the early verdict; the one that counts is made when the message leaves. A refusal is a kept fact, not an error.",
	}, a.sendMessage)
	add(a, h, op{"checkMessage", post, "/v1/messages:check", access.MessagesSend, ok, tagMessages, "The verdict without sending", "Nothing is kept."}, a.checkMessage)
	add(a, h, op{"listMessages", get, "/v1/messages", access.MessagesRead, ok, tagMessages, "Messages, newest first", ""}, a.listMessages)
	add(a, h, op{"getMessage", get, "/v1/messages/{id}", access.MessagesRead, ok, tagMessages, "A message with verdicts, deliveries and attempts", ""}, a.getMessage)
	add(a, h, op{
		"cancelMessage", post, "/v1/messages/{id}:cancel", access.MessagesSend, ok, tagMessages, "Stop a message",
		"Only what has not been handed over; otherwise a conflict, and nothing changes.",
	}, a.cancelMessage)
	add(a, h, op{
		"resolveDelivery", post, "/v1/deliveries/{id}:resolve", access.TasksWrite, ok, tagMessages, "Settle a delivery whose outcome is unknown",
		"By the word of a person who looked.",
	}, a.resolveDelivery)
}

func (a *API) addCustomers(h huma.API) {
	add(a, h, op{"listCustomers", get, "/v1/customers", access.CustomersRead, ok, tagCustomers, "Customers, newest first", ""}, a.listCustomers)
	add(a, h, op{"addCustomer", post, "/v1/customers", access.CustomersWrite, created, tagCustomers, "Register a customer", ""}, a.addCustomer)
	add(a, h, op{
		"findCustomers", post, "/v1/customers:find", access.CustomersRead, ok, tagCustomers, "Find by whatever the customer can name",
		"A text is looked for as everything that it may be. Numbers and addresses are found whole, names from their beginning: what is kept of them are keyed hashes. " +
			"With ask the App Store is asked for an order id (in production), and for a transaction that was never heard of.",
	}, a.findCustomers)
	add(a, h, op{"getCustomer", get, "/v1/customers/{id}", access.CustomersRead, ok, tagCustomers, "One customer", ""}, a.getCustomer)
	add(a, h, op{
		"changeCustomer", patch, "/v1/customers/{id}", access.CustomersWrite, ok, tagCustomers, "Change a customer",
		"What is not named stays. Verdicts go by the new country, zone and minority from now on.",
	}, a.changeCustomer)
	add(a, h, op{
		"mergeCustomer", post, "/v1/customers/{id}:merge", access.CustomersWrite, ok, tagCustomers, "Make one customer of two",
		"The other's identities, contact points, messages, events and decisions are this one's from now on, also what is queued. It cannot be undone. " +
			"Decisions allow no more than both allowed: what only one of them agreed to is withdrawn. Where the countries differ, none is known and the law of all of them counts.",
	}, a.mergeCustomer)
	add(a, h, op{
		"eraseCustomer", post, "/v1/customers/{id}:erase", access.CustomersErase, ok, tagCustomers, "Erase a customer",
		"Destroys the customer's key: name, addresses, words of messages and bodies of events cannot be read again, by nobody. It cannot be undone. " +
			"What is queued is canceled. Decisions with their evidence stay, and a stop on an address stays as a keyed hash. Erasing again changes nothing.",
	}, a.eraseCustomer)
	add(a, h, op{"listContactPoints", get, "/v1/customers/{id}/contact-points", access.CustomersRead, ok, tagCustomers, "Ways to reach a customer", ""}, a.listContactPoints)
	add(a, h, op{"addContactPoint", post, "/v1/customers/{id}/contact-points", access.CustomersWrite, created, tagCustomers, "Add a way to reach a customer", ""}, a.addContactPoint)
	add(a, h, op{
		"endContactPoint", post, "/v1/customers/{id}/contact-points/{point}:end", access.CustomersWrite, ok, tagCustomers, "Take a way to reach a customer away",
		"What is queued goes by the ways that are left, or is refused when it is due.",
	}, a.endContactPoint)
	add(a, h, op{"listConsents", get, "/v1/customers/{id}/consents", access.CustomersRead, ok, tagCustomers, "Every decision of a customer", ""}, a.listConsents)
	add(a, h, op{
		"addConsent", post, "/v1/customers/{id}/consents", access.ConsentsWrite, created, tagCustomers, "Record a decision",
		"A withdrawal stops everything that has not been handed over yet.",
	}, a.addConsent)
	add(a, h, op{
		"getReceipt", get, "/v1/consents/{id}/receipt", access.CustomersRead, ok, tagCustomers, "A signed receipt of a decision, without an address",
		"For a partner who must prove a consent and knows the customer by a handle alone. It is checked with the keys of /.well-known/jwks.json, without asking us.",
	}, a.getReceipt)
	add(a, h, op{
		"askConsent", post, "/v1/consent-links", access.ConsentsWrite, created, tagCustomers, "Make a link to a page that asks a customer for consents",
		"Good for one customer and this question. Nothing is ticked beforehand, and opening it changes nothing. Each decision is kept with the words that were shown.",
	}, a.askConsent)
	add(a, h, op{
		"linkOwnPage", post, "/v1/customers/{id}:page", access.ConsentsWrite, created, tagCustomers, "Make a link to a customer's own page",
		"The one that stands in messages: it shows no address, and stops and allows messages. What more the page can do asks for the customer's own sign-in.",
	}, a.linkOwnPage)
	add(a, h, op{"listWordings", get, "/v1/consent-wordings", access.CustomersRead, ok, tagCustomers, "What customers are shown beside the boxes", "Where there is none, the pages have words of their own."}, a.listWordings)
	add(a, h, op{"addWording", post, "/v1/consent-wordings", access.ConsentsWrite, created, tagCustomers, "Add the next version of a wording", "A version never changes, and decisions name the one that was read."}, a.addWording)
	add(a, h, op{"getTimeline", get, "/v1/customers/{id}/timeline", access.CustomersRead, ok, tagCustomers, "A customer's story", "Events, messages, decisions, refunds, extensions, notes and tasks, newest first."}, a.getTimeline)
	add(a, h, op{
		"listSuppressions", get, "/v1/suppressions", access.SuppressionsRead, ok, tagCustomers, "What is stopped, newest first",
		"Contact points and staff places to which nothing goes, each with why. Addresses are not shown; one that nobody has any more is not listed.",
	}, a.listSuppressions)
	add(a, h, op{
		"liftSuppression", post, "/v1/suppressions:lift", access.SuppressionsWrite, ok, tagCustomers, "Lift a stop",
		"Wherever else the address is used, too. What came back for it is forgotten: the next return counts as the first. A staff place's asks for routes:write besides.",
	}, a.liftSuppression)
	add(a, h, op{"listIdentities", get, "/v1/identities", access.CustomersRead, ok, tagCustomers, "What a customer may be found by", ""}, a.listIdentities)
	add(a, h, op{"addIdentity", post, "/v1/identities", access.CustomersWrite, created, tagCustomers, "Tie an identity to a customer", ""}, a.addIdentity)
	add(a, h, op{
		"endIdentity", post, "/v1/identities:end", access.CustomersWrite, ok, tagCustomers, "Take identities of a customer away",
		"Events that name them belong to nobody from now on; those that came before stay the customer's.",
	}, a.endIdentity)
	add(a, h, op{"listSubscriptions", get, "/v1/subscriptions", access.CustomersRead, ok, tagCustomers, "Subscriptions", ""}, a.listSubscriptions)
	add(a, h, op{
		"saveSubscription", post, "/v1/subscriptions", access.CustomersWrite, ok, tagCustomers, "Tell how a subscription stands now",
		"The same customer, app and product are the same subscription. One whose contract was ended here is refused until it is told with a later start.",
	}, a.saveSubscription)
	add(a, h, op{
		"endSubscription", post, "/v1/subscriptions/{id}:end", access.PartnersWrite, ok, tagPartners, "End the contract of a subscription",
		"In one: the customer's handles in this app no longer resolve, and what waits of partners' messages about it is refused. What only this contract needed is destroyed from purge_at on. It begins again only by a later start.",
	}, a.endSubscription)
	add(a, h, op{
		"getSubscriptionCertificate", get, "/v1/subscriptions/{id}/certificate", access.PartnersRead, ok, tagPartners, "A signed certificate of erasure of a subscription that ended", "As the one of a partner.",
	}, a.getCertificate)
}

// addRefunds are the cases in which a customer asks the store for money back.
func (a *API) addRefunds(h huma.API) {
	add(a, h, op{"listRefunds", get, "/v1/refunds", access.CustomersRead, ok, tagRefunds, "Refund cases, the soonest due first", ""}, a.listRefunds)
	add(a, h, op{
		"getRefund", get, "/v1/refunds/{id}", access.CustomersRead, ok, tagRefunds, "One refund case",
		"What the store said, what would be answered now and what stands in the way, and what was done.",
	}, a.getRefund)
	add(a, h, op{
		"answerRefund", post, "/v1/refunds/{id}:answer", access.StoreAct, ok, tagRefunds, "Answer the App Store on a refund case",
		"Sends at once, in place of an earlier answer, if the customer has agreed to share usage data and the 12 hours are not over. " +
			"What your systems tell afterwards, within the clock, is sent again with this preference.",
	}, a.answerRefund)
	add(a, h, op{
		"tellConsumption", post, "/v1/consumption", access.CustomersWrite, ok, tagRefunds, "Tell how far something was used",
		"Kept at least 30 days. It is sent to nobody, unless the customer asks for money back and has agreed. What is left out stays as it was told before.",
	}, a.tellConsumption)
}

func (a *API) addDesk(h huma.API) {
	add(a, h, op{"listNotes", get, "/v1/customers/{id}/notes", access.CustomersRead, ok, tagCustomers, "What members wrote down about a customer", ""}, a.listNotes)
	add(a, h, op{"addNote", post, "/v1/customers/{id}/notes", access.CustomersWrite, created, tagCustomers, "Write something down about a customer", "Sealed with the customer's key."}, a.addNote)
	add(a, h, op{"listPurchases", get, "/v1/customers/{id}/purchases", access.CustomersRead, ok, tagCustomers, "What a customer bought", ""}, a.listPurchases)
	add(a, h, op{"getPurchase", get, "/v1/purchases/{id}", access.CustomersRead, ok, tagCustomers, "One purchase, as it stands now", ""}, a.getPurchase)
	add(a, h, op{
		"getEntitlements", get, "/v1/customers/{id}/entitlements", access.CustomersRead, ok, tagCustomers, "What a customer may use now",
		"By what was bought in production; what was bought in the sandbox opens nothing, unless it is asked for.",
	}, a.getEntitlements)
	add(a, h, op{
		"extendPurchase", post, "/v1/purchases/{id}:extend", access.StoreAct, ok, tagCustomers, "Move a subscription's renewal date",
		"A conflict, with the reason, where it cannot be moved. Without a clear answer from the App Store the extension is unknown and is looked up: it cannot be asked for again before.",
	}, a.extendPurchase)
	add(a, h, op{"listExtensions", get, "/v1/extensions", access.CustomersRead, ok, tagCustomers, "Renewal dates that were moved, newest first", ""}, a.listExtensions)
	add(a, h, op{
		"extendAll", post, "/v1/extensions", access.StoreAct, accepted, tagCustomers, "Move the renewal date of all subscribers of a product",
		"After an outage. It takes the App Store hours to days, and can be neither stopped nor undone. Of one product one is under way at a time.",
	}, a.extendAll)
	add(a, h, op{"getExtension", get, "/v1/extensions/{id}", access.CustomersRead, ok, tagCustomers, "How far an extension has come", ""}, a.getExtension)
	add(a, h, op{"lookExtension", post, "/v1/extensions/{id}:look", access.StoreAct, ok, tagCustomers, "Ask the App Store what became of an extension", ""}, a.lookExtension)
}

func (a *API) addAccounts(h huma.API) {
	add(a, h, op{"listKinds", get, "/v1/kinds", access.AccountsRead, ok, tagAccounts, "Kinds of accounts and their settings", ""}, a.listKinds)
	add(a, h, op{"listAccounts", get, "/v1/accounts", access.AccountsRead, ok, tagAccounts, "Accounts, oldest first", ""}, a.listAccounts)
	add(a, h, op{"addAccount", post, "/v1/accounts", access.AccountsWrite, created, tagAccounts, "Connect an account", ""}, a.addAccount)
	add(a, h, op{"getAccount", get, "/v1/accounts/{id}", access.AccountsRead, ok, tagAccounts, "One account", ""}, a.getAccount)
	add(a, h, op{
		"changeAccount", patch, "/v1/accounts/{id}", access.AccountsWrite, ok, tagAccounts, "Change an account",
		"Once it is switched off, nothing is handed over any more.",
	}, a.changeAccount)
	add(a, h, op{
		"testAccount", post, "/v1/accounts/{id}:test", access.MessagesSend, accepted, tagAccounts, "Send a test to a staff place",
		"Through verdict and lane like any message; GET /v1/messages/{id} shows the exact request and answer.",
	}, a.testAccount)
	add(a, h, op{
		"listCustody", get, "/v1/custody", access.AccountsRead, ok, tagAccounts, "The custody ledger, oldest entries first",
		"Who holds what of each account at its provider, what that puts at risk and what to do about it. What is said and done is written in the console.",
	}, a.listCustody)
	add(a, h, op{"listDestinations", get, "/v1/destinations", access.RoutesRead, ok, tagAccounts, "Staff places", ""}, a.listDestinations)
	add(a, h, op{"addDestination", post, "/v1/destinations", access.RoutesWrite, created, tagAccounts, "Add a staff place", ""}, a.addDestination)
	add(a, h, op{"getDestination", get, "/v1/destinations/{id}", access.RoutesRead, ok, tagAccounts, "One staff place", ""}, a.getDestination)
	add(a, h, op{
		"endDestination", post, "/v1/destinations/{id}:end", access.RoutesWrite, ok, tagAccounts, "Take a staff place away",
		"A conflict while a route sends there. What is queued for it is refused when it is due, and its fallback goes.",
	}, a.endDestination)
	add(a, h, op{"listLanes", get, "/v1/lanes", access.AccountsRead, ok, tagAccounts, "Lanes: what waits on each account", ""}, a.listLanes)
	add(a, h, op{"resumeLane", post, "/v1/lanes/{id}:resume", access.AccountsWrite, ok, tagAccounts, "Let a paused lane go on", "The id is the account's."}, a.resumeLane)
}

func (a *API) addRoutes(h huma.API) {
	add(a, h, op{"listRoutes", get, "/v1/routes", access.RoutesRead, ok, tagRoutes, "Routes, oldest first", ""}, a.listRoutes)
	add(a, h, op{"addRoute", post, "/v1/routes", access.RoutesWrite, created, tagRoutes, "Add a route", ""}, a.addRoute)
	add(a, h, op{
		"tryRoute", post, "/v1/routes:try", access.RoutesRead, ok, tagRoutes, "What a route would do",
		"Tried on the newest events; nothing is kept or sent.",
	}, a.tryRoute)
	add(a, h, op{"getRoute", get, "/v1/routes/{id}", access.RoutesRead, ok, tagRoutes, "One route", ""}, a.getRoute)
	add(a, h, op{"changeRoute", put, "/v1/routes/{id}", access.RoutesWrite, ok, tagRoutes, "Replace a route by a new version", ""}, a.changeRoute)
	add(a, h, op{"listRouteVersions", get, "/v1/routes/{id}/versions", access.RoutesRead, ok, tagRoutes, "Who changed a route, when, and what it said", ""}, a.routeVersions)
	add(a, h, op{"tryStoredRoute", post, "/v1/routes/{id}:try", access.RoutesRead, ok, tagRoutes, "What a stored route would do", ""}, a.tryStoredRoute)
	add(a, h, op{"listTemplates", get, "/v1/templates", access.RoutesRead, ok, tagRoutes, "Templates, oldest first", ""}, a.listTemplates)
	add(a, h, op{"addTemplate", post, "/v1/templates", access.RoutesWrite, created, tagRoutes, "Add a template", ""}, a.addTemplate)
	add(a, h, op{"getTemplate", get, "/v1/templates/{id}", access.RoutesRead, ok, tagRoutes, "One template", ""}, a.getTemplate)
	add(a, h, op{"changeTemplate", put, "/v1/templates/{id}", access.RoutesWrite, ok, tagRoutes, "Replace a template by a new version", ""}, a.changeTemplate)
}

func (a *API) addWebhooks(h huma.API) {
	add(a, h, op{"listWebhooks", get, "/v1/webhooks", access.WebhooksRead, ok, tagWebhooks, "Webhooks, oldest first", ""}, a.listWebhooks)
	add(a, h, op{
		"addWebhook", post, "/v1/webhooks", access.WebhooksWrite, created, tagWebhooks, "Subscribe a URL to events",
		"Makes an account, a staff place and a route in one. The secret is in the answer and is shown once.",
	}, a.addWebhook)
	add(a, h, op{"getWebhook", get, "/v1/webhooks/{id}", access.WebhooksRead, ok, tagWebhooks, "One webhook", ""}, a.getWebhook)
	add(a, h, op{
		"endWebhook", del, "/v1/webhooks/{id}", access.WebhooksWrite, ok, tagWebhooks, "Unsubscribe",
		"What waits for it is canceled. A conflict while a route sends over it and over another account.",
	}, a.endWebhook)
	add(a, h, op{
		"replayWebhook", post, "/v1/webhooks/{id}:replay", access.WebhooksWrite, accepted, tagWebhooks, "Hand past events to it again",
		"Under the webhook-ids of the first time. What was told of in a digest goes in that digest again, whole; what still waits in one comes with it. With dry_run it only says how many; else it goes on in the background.",
	}, a.replayWebhook)
	add(a, h, op{"listReplays", get, "/v1/webhooks/{id}/replays", access.WebhooksRead, ok, tagWebhooks, "Replays to a webhook, newest first", ""}, a.listReplays)
	add(a, h, op{"getReplay", get, "/v1/replays/{id}", access.WebhooksRead, ok, tagWebhooks, "How far a replay has come", ""}, a.getReplay)
	add(a, h, op{"stopReplay", post, "/v1/replays/{id}:stop", access.WebhooksWrite, ok, tagWebhooks, "Stop a replay", "What it made already is sent."}, a.stopReplay)
}

func (a *API) addPartners(h huma.API) {
	add(a, h, op{"listApps", get, "/v1/apps", access.AppsRead, ok, tagPartners, "Apps, oldest first", ""}, a.listApps)
	add(a, h, op{"addApp", post, "/v1/apps", access.AppsWrite, created, tagPartners, "Add an app", ""}, a.addApp)
	add(a, h, op{
		"addAppKey", post, "/v1/apps/{id}/keys", access.KeysWrite, created, tagPartners, "Make a key that the app carries to its customers' devices",
		"It opens nothing but the paths below /v1/app. It is no secret once the app is published: what protects a customer is what the App Store signed for the device.",
	}, a.addAppKey)
	add(a, h, op{"getApp", get, "/v1/apps/{id}", access.AppsRead, ok, tagPartners, "One app", ""}, a.getApp)
	add(a, h, op{"listPartners", get, "/v1/partners", access.PartnersRead, ok, tagPartners, "Partners, oldest first", ""}, a.listPartners)
	add(a, h, op{"addPartner", post, "/v1/partners", access.PartnersWrite, created, tagPartners, "Add a partner", ""}, a.addPartner)
	add(a, h, op{"getPartner", get, "/v1/partners/{id}", access.PartnersRead, ok, tagPartners, "One partner, with how it stands", ""}, a.getPartner)
	add(a, h, op{
		"stopPartner", post, "/v1/partners/{id}:stop", access.PartnersWrite, ok, tagPartners, "Stop a partner's marketing",
		"Also what waits. What its contracts need still goes. It stays until somebody lifts it, here or on the console: better numbers lift no stop.",
	}, a.stopPartner)
	add(a, h, op{
		"liftPartner", post, "/v1/partners/{id}:lift", access.PartnersWrite, ok, tagPartners, "Let a partner's marketing go on",
		"Whether complaints or a person stopped it. Complaints count anew from now on, and the task about them is closed.",
	}, a.liftPartner)
	add(a, h, op{
		"addSecret", post, "/v1/partners/{id}/secrets", access.KeysWrite, created, tagPartners, "Make a client secret of a partner",
		"Two work at once, so that the partner can change over without a gap. The secret is in the answer and is shown once.",
	}, a.addSecret)
	add(a, h, op{
		"endPartner", post, "/v1/partners/{id}:end", access.PartnersWrite, ok, tagPartners, "End a partner",
		"In one: its grants end, its secrets stop, its handles no longer resolve, what waits of its messages is refused, and its webhooks are taken away. It cannot be undone. Answers what the partner was given. What only its contract needed is destroyed from purge_at on.",
	}, a.endPartner)
	add(a, h, op{
		"getPartnerCertificate", get, "/v1/partners/{id}/certificate", access.PartnersRead, ok, tagPartners, "A signed certificate of erasure of a partner that ended",
		"What was shared, in numbers, what was destroyed and when; before that, what is still to be. It names no customer and is checked with the keys of /.well-known/jwks.json, without asking us.",
	}, a.getCertificate)
	add(a, h, op{"listGrants", get, "/v1/grants", access.PartnersRead, ok, tagPartners, "What partners may do", ""}, a.listGrants)
	add(a, h, op{"addGrant", post, "/v1/grants", access.PartnersWrite, created, tagPartners, "Grant a partner something", ""}, a.addGrant)
	add(a, h, op{"getGrant", get, "/v1/grants/{id}", access.PartnersRead, ok, tagPartners, "One grant", ""}, a.getGrant)
	add(a, h, op{"endGrant", post, "/v1/grants/{id}:end", access.PartnersWrite, ok, tagPartners, "End a grant now", "Also for what is queued."}, a.endGrant)
}

func (a *API) addWork(h huma.API) {
	add(a, h, op{"listTasks", get, "/v1/tasks", access.TasksRead, ok, tagWork, "What only a person can do", ""}, a.listTasks)
	add(a, h, op{"addTask", post, "/v1/tasks", access.TasksWrite, created, tagWork, "Ask a person to do something", ""}, a.addTask)
	add(a, h, op{"getTask", get, "/v1/tasks/{id}", access.TasksRead, ok, tagWork, "A task with its history", ""}, a.getTask)
	add(a, h, op{
		"changeTask", patch, "/v1/tasks/{id}", access.TasksWrite, ok, tagWork, "Set when a task is due",
		"Of the new due time is told anew, when it is near and when it is over (task.due, task.overdue).",
	}, a.changeTask)
	add(a, h, op{"assignTask", post, "/v1/tasks/{id}:assign", access.TasksWrite, ok, tagWork, "Give an open task to a member", ""}, a.assignTask)
	add(a, h, op{"noteTask", post, "/v1/tasks/{id}:note", access.TasksWrite, ok, tagWork, "Add a note to a task", ""}, a.noteTask)
	add(a, h, op{"finishTask", post, "/v1/tasks/{id}:done", access.TasksWrite, ok, tagWork, "Mark a task done", ""}, a.finishTask)
	add(a, h, op{"reopenTask", post, "/v1/tasks/{id}:reopen", access.TasksWrite, ok, tagWork, "Open a task again", "A conflict where the same was raised again meanwhile."}, a.reopenTask)
	add(a, h, op{"getWorkspace", get, "/v1/workspace", access.WorkspaceRead, ok, tagWorkspace, "The workspace of the key", ""}, a.getWorkspace)
	add(a, h, op{"changeWorkspace", patch, "/v1/workspace", access.WorkspaceWrite, ok, tagWorkspace, "Change the workspace", ""}, a.changeWorkspace)
	add(a, h, op{"listKeys", get, "/v1/keys", access.KeysWrite, ok, tagWorkspace, "API keys, without their text", ""}, a.listKeys)
	add(a, h, op{
		"addKey", post, "/v1/keys", access.KeysWrite, created, tagWorkspace, "Make an API key",
		"Its text is in the answer and is shown once; under an idempotency key the answer is kept, sealed, for 24 hours.",
	}, a.addKey)
	add(a, h, op{"revokeKey", post, "/v1/keys/{id}:revoke", access.KeysWrite, ok, tagWorkspace, "End an API key", ""}, a.revokeKey)
}

func (a *API) addOffers(h huma.API) {
	add(a, h, op{"listOffers", get, "/v1/offers", access.AccountsRead, ok, tagOffers, "Pools of offer codes, newest first", "The newest 200."}, a.listOffers)
	add(a, h, op{
		"addOffer", post, "/v1/offers", access.AccountsWrite, created, tagOffers, "Make a pool of codes of an offer",
		"Codes that work once each are imported into it; a word is one custom code for all.",
	}, a.addOffer)
	add(a, h, op{"getOffer", get, "/v1/offers/{id}", access.AccountsRead, ok, tagOffers, "One pool, and how many of its codes are left", ""}, a.getOffer)
	add(a, h, op{
		"importOffer", post, "/v1/offers/{id}:import", access.AccountsWrite, ok, tagOffers, "Take codes into a pool",
		"A code that the account has already is passed over: the same file again changes nothing.",
	}, a.importOffer)
	add(a, h, op{
		"fetchOffer", post, "/v1/offers/{id}:fetch", access.AccountsWrite, ok, tagOffers, "Make codes in App Store Connect, and fetch them",
		"Takes in every code that was made of the pool's offer for the pool's last day. Codes that were just made are ready some minutes later: fetch again.",
	}, a.fetchOffer)
	add(a, h, op{"closeOffer", post, "/v1/offers/{id}:close", access.AccountsWrite, ok, tagOffers, "Hand nothing more out of a pool", "Codes that customers have keep working."}, a.closeOffer)
	add(a, h, op{
		"handOutOffer", post, "/v1/offers/{id}:hand-out", access.StoreAct, ok, tagOffers, "Give a customer a code of the pool's offer",
		"One code of an offer for each customer: asked again, the same code is answered. It comes from the open pool of the offer that ends first. " +
			"A conflict where none is left, and where the customer has used the offer. The code is the customer's before it is answered.",
	}, a.handOutOffer)
}

func (a *API) addProducts(h huma.API) {
	add(a, h, op{
		"listProducts", get, "/v1/products", access.AppsRead, ok, tagOffers, "What products of the App Store entitle to",
		"Only those that the business describes; every other product entitles to itself.",
	}, a.listProducts)
	add(a, h, op{
		"saveProduct", put, "/v1/products/{id}", access.AppsWrite, ok, tagOffers, "Say what a product entitles to",
		"In place of what was said before. It counts at once, for everybody who bought it: in the answers to the app, at the support desk, and here.",
	}, a.saveProduct)
	add(a, h, op{"forgetProduct", del, "/v1/products/{id}", access.AppsWrite, ok, tagOffers, "Take away what was said of a product", "It entitles to itself again."}, a.forgetProduct)
}

func (a *API) addRules(h huma.API) {
	add(a, h, op{
		"listPacks", get, "/v1/rules", access.WorkspaceRead, ok, tagWorkspace, "The packs of rules, and which are on",
		"A pack is the rules of a country, or the house's. For customers whose country is not known every pack is checked, also one that is off.",
	}, a.listPacks)
	add(a, h, op{
		"switchPack", put, "/v1/rules/{pack}", access.WorkspaceWrite, ok, tagWorkspace, "Switch a pack of rules on or off",
		"It counts for what is judged from then on. Verdicts name in rule_set which packs were off; those of before stay as they are.",
	}, a.switchPack)
	add(a, h, op{
		"tryPack", get, "/v1/rules/{pack}/trial", access.WorkspaceRead, ok, tagWorkspace, "What a pack would have done with past messages",
		"Each message to a customer is judged again on the facts that were kept with it, as if the pack had been on or off. " +
			"What a changed verdict frees or uses of a customer's day and of quotas is simulated again, in order; what differs by that alone is marked. Nothing is stored or sent.",
	}, a.tryPack)
}

func (a *API) addAppItself(h huma.API) {
	add(a, h, op{
		"enterApp", post, "/v1/app/transactions", access.AppUse, ok, tagApp, "Show what the App Store signed, and come in",
		"After a purchase, after a restore, and once a day. The purchases are kept, tied to the customer whom the app account token or the app transaction names, " +
			"and a session is answered for the other calls. Copies that name no device, such as those of notifications, are kept too, and open no session: what they open is answered, and nothing else. The same transactions again change nothing.",
	}, a.enterApp)
	add(a, h, op{"appPurchases", get, "/v1/app/purchases", access.AppUse, ok, tagApp, "What the customer may use, and what was paid", "For the app's own pages, and for a refund sheet."}, a.appPurchases)
	add(a, h, op{
		"signOffer", post, "/v1/app/offers:sign", access.AppUse, ok, tagApp, "Sign a promotional offer",
		"In both forms. Forbidden unless the setting of the App Store account that lists offers allows it for where this customer's subscription stands. Good for 24 hours, once.",
	}, a.signOffer)
	add(a, h, op{"signIntro", post, "/v1/app/introductory-offers:sign", access.AppUse, ok, tagApp, "Sign whether the customer may have the introductory offer", ""}, a.signIntro)
	add(a, h, op{"appCodes", get, "/v1/app/offer-codes", access.AppUse, ok, tagApp, "The customer's unused offer codes", "Nothing is handed out by this: routes and members do that."}, a.appCodes)
	add(a, h, op{
		"appMessages", get, "/v1/app/messages", access.AppUse, ok, tagApp, "What is to be shown in the app",
		"Of the channel inapp: each passed the verdict like any other message. They count as delivered once they are fetched; the same are answered until they end.",
	}, a.appMessages)
	add(a, h, op{"seeMessage", post, "/v1/app/messages/{id}:seen", access.AppUse, ok, tagApp, "The customer saw a message", ""}, a.seeMessage)
	add(a, h, op{
		"tellReason", post, "/v1/app/cancel-reason", access.AppUse, accepted, tagApp, "Answer why a subscription is canceled",
		"Becomes the event app.cancel_reason, by which routes may offer something. The same answer on one day is one event.",
	}, a.tellReason)
	add(a, h, op{
		"tellUsage", post, "/v1/app/usage", access.AppUse, accepted, tagApp, "Tell how far a purchase was used",
		"For an answer to the App Store where the customer asks for a refund and has agreed to it. Only of this customer's own purchases. What was told before does not get less by this, and is replaced by what the business's server tells.",
	}, a.tellUsage)
}

// addPartnerSide are a partner's own operations, by a token of /oauth/token.
func (a *API) addPartnerSide(h huma.API) {
	add(a, h, op{"partnerApps", get, "/v1/partner/apps", access.PartnerSelf, ok, tagPartner, "Apps that your grants open, oldest first", ""}, a.partnerApps)
	add(a, h, op{"partnerGrants", get, "/v1/partner/grants", access.PartnerSelf, ok, tagPartner, "Your grants, and how much of their quotas was used", ""}, a.partnerGrants)
	add(a, h, op{
		"endOwnGrant", post, "/v1/partner/grants/{id}:end", access.PartnerSelf, ok, tagPartner, "Give a grant back, now",
		"Also for what is queued. It cannot be undone.",
	}, a.endOwnGrant)
	add(a, h, op{
		"listSubscribers", get, "/v1/partner/apps/{app}/subscribers", access.SubscribersRead, ok, tagPartner, "Subscribers of an app, by handle",
		"Read it whole once, then follow /v1/partner/apps/{app}/changes from where the first page says.",
	}, a.listSubscribers)
	add(a, h, op{
		"listChanges", get, "/v1/partner/apps/{app}/changes", access.SubscribersRead, ok, tagPartner, "What changed in the list of an app",
		"Nothing is left out, however changes come at the same time. A subscriber who is gone is told as gone. Seconds may pass until a change is told.",
	}, a.listChanges)
	add(a, h, op{
		"getSubscriber", get, "/v1/partner/apps/{app}/subscribers/{subscriber}", access.SubscribersRead, ok, tagPartner, "One subscriber",
		"A handle that is not yours, that ended, or that never was has one answer.",
	}, a.getSubscriber)
	add(a, h, op{
		"sendAsPartner", post, "/v1/partner/messages", access.MessagesSend, accepted, tagPartner, "Say something to a subscriber",
		"Answers the early verdict; the one that counts is made when the message leaves. A refusal is a kept fact, not an error. A reason tells its class and no more.",
	}, a.sendAsPartner)
	add(a, h, op{"checkAsPartner", post, "/v1/partner/messages:check", access.MessagesSend, ok, tagPartner, "The verdict without sending", "Nothing is kept."}, a.checkAsPartner)
	add(a, h, op{"partnerMessages", get, "/v1/partner/messages", access.MessagesRead, ok, tagPartner, "Your messages, newest first", ""}, a.partnerMessages)
	add(a, h, op{"getPartnerMessage", get, "/v1/partner/messages/{id}", access.MessagesRead, ok, tagPartner, "What became of a message", ""}, a.getPartnerMessage)
	add(a, h, op{
		"cancelPartnerMessage", post, "/v1/partner/messages/{id}:cancel", access.MessagesSend, ok, tagPartner, "Stop a message of yours",
		"Only what has not been handed over; otherwise a conflict, and nothing changes.",
	}, a.cancelPartnerMessage)
	add(a, h, op{
		"partnerReplies", get, "/v1/partner/replies", access.MessagesRead, ok, tagPartner, "What subscribers answered, newest first",
		"Made anew from their mail: no address, name or other mark of theirs that is known is in it.",
	}, a.partnerReplies)
	add(a, h, op{"partnerWebhooks", get, "/v1/partner/webhooks", access.SubscribersRead, ok, tagPartner, "Your webhooks, oldest first", ""}, a.partnerWebhooks)
	add(a, h, op{
		"addPartnerWebhook", post, "/v1/partner/webhooks", access.SubscribersRead, created, tagPartner, "Be told when a list changes, or somebody answered",
		"Posts the event partner.subscribers_changed with the app, and nobody's handle: fetch the changes then. And partner.replied with the message of yours that was answered: fetch the replies then. Signed as Standard Webhooks says. The secret is in the answer and is shown once.",
	}, a.addPartnerWebhook)
	add(a, h, op{"endPartnerWebhook", del, "/v1/partner/webhooks/{id}", access.SubscribersRead, ok, tagPartner, "Be told no longer", ""}, a.endPartnerWebhook)
}

func (a *API) addSegments(h huma.API) {
	add(a, h, op{
		"tagCustomer", post, "/v1/customers/{id}:tag", access.CustomersWrite, ok, tagSegments, "Give a customer tags, and take others away",
		"Tags are kept in small letters, sealed with the customer's key. 100 at most.",
	}, a.tagCustomer)
	add(a, h, op{"getTags", get, "/v1/customers/{id}/tags", access.CustomersRead, ok, tagSegments, "The tags of a customer", ""}, a.getTags)
	add(a, h, op{"listTags", get, "/v1/tags", access.CustomersRead, ok, tagSegments, "The tags that customers have", ""}, a.listTags)
	add(a, h, op{"listSegments", get, "/v1/segments", access.CustomersRead, ok, tagSegments, "Segments, by name", ""}, a.listSegments)
	add(a, h, op{"addSegment", post, "/v1/segments", access.CustomersWrite, created, tagSegments, "Save a selection of customers", "Whom it holds of is asked anew each time."}, a.addSegment)
	add(a, h, op{"getSegment", get, "/v1/segments/{id}", access.CustomersRead, ok, tagSegments, "One segment, and of how many customers it holds now", ""}, a.getSegment)
	add(a, h, op{"changeSegment", put, "/v1/segments/{id}", access.CustomersWrite, ok, tagSegments, "Change a segment", "Broadcasts that have begun stay as they are."}, a.changeSegment)
	add(a, h, op{"endSegment", del, "/v1/segments/{id}", access.CustomersWrite, ok, tagSegments, "Delete a segment", "Broadcasts that have begun stay as they are."}, a.endSegment)
	add(a, h, op{"countCustomers", post, "/v1/segments:count", access.CustomersRead, ok, tagSegments, "Of how many customers a condition holds now", "Nothing is kept."}, a.countCustomers)
	add(a, h, op{"listSelected", get, "/v1/segments/{id}/customers", access.CustomersRead, ok, tagSegments, "The customers of a segment, now", ""}, a.listSelected)
	add(a, h, op{"segmentsOf", get, "/v1/customers/{id}/segments", access.CustomersRead, ok, tagSegments, "The segments that a customer is in now", ""}, a.segmentsOf)
	add(a, h, op{
		"startBroadcast", post, "/v1/broadcasts", access.BroadcastsSend, accepted, tagSegments, "Say something to all customers of a segment",
		"Its messages are made in the background, one for each customer, and each has its own verdict when it leaves. Customers who come later are left out.",
	}, a.startBroadcast)
	add(a, h, op{
		"checkBroadcast", post, "/v1/broadcasts:check", access.BroadcastsSend, ok, tagSegments, "What would become of a broadcast",
		"Asks the verdict about 500 customers at most. Nothing is kept.",
	}, a.checkBroadcast)
	add(a, h, op{"listBroadcasts", get, "/v1/broadcasts", access.BroadcastsRead, ok, tagSegments, "Broadcasts, newest first", ""}, a.listBroadcasts)
	add(a, h, op{"getBroadcast", get, "/v1/broadcasts/{id}", access.BroadcastsRead, ok, tagSegments, "How far a broadcast has come", ""}, a.getBroadcast)
	add(a, h, op{
		"pauseBroadcast", post, "/v1/broadcasts/{id}:pause", access.BroadcastsSend, ok, tagSegments, "Pause a broadcast",
		"No more messages are made, and none of those that wait goes.",
	}, a.turn(func(c *call) func(context.Context, string, string) error { return c.store.PauseBroadcast }))
	add(a, h, op{"resumeBroadcast", post, "/v1/broadcasts/{id}:resume", access.BroadcastsSend, ok, tagSegments, "Let a paused broadcast go on", ""},
		a.turn(func(c *call) func(context.Context, string, string) error { return c.store.ResumeBroadcast }))
	add(a, h, op{
		"stopBroadcast", post, "/v1/broadcasts/{id}:stop", access.BroadcastsSend, ok, tagSegments, "Stop a broadcast for good",
		"At once: what has not been handed over does not go. It cannot be undone.",
	}, a.turn(func(c *call) func(context.Context, string, string) error { return c.store.StopBroadcast }))
}
