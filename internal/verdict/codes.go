package verdict

import "github.com/engawa/engawa"

// Codes lists every code that a Reason of Judge can carry. For each, package
// text has the words "verdict."+code and "verdict."+code+".remedy".
var Codes = [...]string{
	grantWorkspace, grantAllowed, grantIncomplete, grantNone, grantEnded, grantNotStarted,
	grantScope, grantApp, grantChannel, grantPurpose,

	recipientDestination, recipientGone, recipientVerified, recipientUnproven, recipientErased,
	recipientNone, recipientUnknown, recipientUnverified, recipientPurpose,

	relationshipDestination, relationshipNotNeeded, relationshipHolds, relationshipBlocked, relationshipMissing,

	consentDestination, consentMandatory, consentService, consentGiven, consentPromotional,
	consentUnknownPurpose, consentServiceWithdrawn, consentWithdrawn, consentPending, consentNone,

	disclosureDestination, disclosureNotNeeded, disclosureByUser, disclosureOnFile,
	disclosureMissing, disclosureNotYet,

	rulesMet, rulesNight, rulesLabel, rulesCountry, rulesNone, rulesStopped, rulesUnsafe + engawa.UnsafePictures, rulesUnsafe + engawa.UnsafeEmpty, rulesExpired, rulesTooOld,
	rulesClock, rulesMinor, rulesInformational, rulesQuiet, rulesQuietNever, rulesZone,
	rulesLabelVariant, rulesLabelMissing, rulesOneClick, rulesReminder, rulesRerender,
	rulesSenderName, rulesSenderPostal, rulesSenderPhone, rulesSenderMail, rulesSenderContact,

	rulesWhile + "renewal_off", rulesWhile + "unpaid", rulesWhile + "expired", rulesWhile + "price_pending", rulesWhile + "same_plan", rulesWhile + "lower_plan", rulesWhile + "share_ended", rulesWhile + "refunded",
	rulesGone + "unknown", rulesGone + "renews", rulesGone + "canceled", rulesGone + "ended", rulesGone + "paid", rulesGone + "back", rulesGone + "agreed", rulesGone + "changed", rulesGone + "offered", rulesGone + "refunded", rulesGone + "kept", rulesGone + "otherwise",

	suppressionClear, suppressionSpared, suppressionBounced, suppressionComplained, suppressionBlocked,
	suppressionOperator, suppressionOptedOut, suppressionOther, suppressionCap, suppressionCapSender,

	budgetLeft, budgetSpent, budgetGrantDay, budgetGrantMonth, budgetOffer, budgetOfferEmpty, budgetOfferUsed, budgetOfferUnlinked,
}

// Unknown is the code of a message to the customer of an event of whom nobody
// knows whose it is.
const Unknown = recipientUnknown

const (
	grantWorkspace  = "grant.workspace"
	grantAllowed    = "grant.allowed"
	grantIncomplete = "grant.incomplete"
	grantNone       = "grant.none"
	grantEnded      = "grant.ended"
	grantNotStarted = "grant.not_started"
	grantScope      = "grant.scope"
	grantApp        = "grant.app"
	grantChannel    = "grant.channel"
	grantPurpose    = "grant.purpose"

	recipientDestination = "recipient.destination"
	recipientGone        = "recipient.gone"
	recipientVerified    = "recipient.verified"
	recipientUnproven    = "recipient.unproven"
	recipientErased      = "recipient.erased"
	recipientNone        = "recipient.none"
	recipientUnknown     = "recipient.unknown"
	recipientUnverified  = "recipient.unverified"
	recipientPurpose     = "recipient.purpose"

	relationshipDestination = "relationship.destination"
	relationshipNotNeeded   = "relationship.not_needed"
	relationshipHolds       = "relationship.holds"
	relationshipBlocked     = "relationship.blocked"
	relationshipMissing     = "relationship.missing"

	consentDestination      = "consent.destination"
	consentMandatory        = "consent.mandatory"
	consentService          = "consent.service"
	consentGiven            = "consent.given"
	consentPromotional      = "consent.promotional"
	consentUnknownPurpose   = "consent.unknown_purpose"
	consentServiceWithdrawn = "consent.service_withdrawn"
	consentWithdrawn        = "consent.withdrawn"
	consentPending          = "consent.pending"
	consentNone             = "consent.none"

	disclosureDestination = "disclosure.destination"
	disclosureNotNeeded   = "disclosure.not_needed"
	disclosureByUser      = "disclosure.by_user"
	disclosureOnFile      = "disclosure.on_file"
	disclosureMissing     = "disclosure.missing"
	disclosureNotYet      = "disclosure.not_yet"

	rulesWhile         = "rules.while_" // and an engawa.Standing
	rulesGone          = "rules.gone_"  // and an engawa.Gone
	rulesMet           = "rules.met"
	rulesNight         = "rules.night_consent"
	rulesLabel         = "rules.label"
	rulesCountry       = "rules.country_unknown"
	rulesNone          = "rules.none"
	rulesStopped       = "rules.stopped"
	rulesUnsafe        = "rules.unsafe_" // and one of engawa.UnsafePictures, UnsafeEmpty
	rulesExpired       = "rules.expired"
	rulesTooOld        = "rules.too_old"
	rulesClock         = "rules.clock"
	rulesMinor         = "rules.minor"
	rulesInformational = "rules.informational_only"
	rulesQuiet         = "rules.quiet_hours"
	rulesQuietNever    = "rules.quiet_never"
	rulesZone          = "rules.zone"
	rulesLabelVariant  = "rules.label_variant"
	rulesLabelMissing  = "rules.label_missing"
	rulesOneClick      = "rules.one_click"
	rulesReminder      = "rules.reminder"
	rulesRerender      = "rules.rerender"
	rulesSenderName    = "rules.sender_name"
	rulesSenderPostal  = "rules.sender_postal"
	rulesSenderPhone   = "rules.sender_phone"
	rulesSenderMail    = "rules.sender_mail"
	rulesSenderContact = "rules.sender_contact"

	suppressionClear      = "suppression.clear"
	suppressionSpared     = "suppression.spared"
	suppressionBounced    = "suppression.bounced"
	suppressionComplained = "suppression.complained"
	suppressionBlocked    = "suppression.blocked"
	suppressionOperator   = "suppression.operator"
	suppressionOptedOut   = "suppression.opted_out"
	suppressionOther      = "suppression.other"
	suppressionCap        = "suppression.cap"
	suppressionCapSender  = "suppression.cap_sender"

	budgetLeft       = "budget.left"
	budgetSpent      = "budget.spent"
	budgetGrantDay   = "budget.grant_day"
	budgetGrantMonth = "budget.grant_month"

	budgetOffer         = "budget.offer"
	budgetOfferEmpty    = "budget.offer_empty"
	budgetOfferUsed     = "budget.offer_used"
	budgetOfferUnlinked = "budget.offer_unlinked"
)
