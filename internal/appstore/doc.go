// Package appstore proves and translates what the App Store says.
//
// A [Receiver] takes the body of an App Store Server Notification V2, proves
// its signatures and turns it into one engawa.Event. A [Verifier] does the
// proving alone; it also serves signed data that the App Store Server API
// answers. The rules are those of Apple's own server libraries (python 3.1.1,
// node 3.1.0, java 5.2.0, swift 6.0.0), written on the standard library, since
// no Go library at hand checks leaf, certificate purposes and claims alike.
//
// # What is proved
//
// Up to four JWS per notification (the notification, its transaction, its
// renewal info, its app transaction), each for itself:
//
//   - compact form of three parts; ES256 and nothing else; no header that
//     points to another key (jku, jwk, x5u) or demands an extension (crit);
//   - x5c of exactly three certificates, of which leaf and intermediate are
//     used; the root comes from the settings, never from the wire;
//   - root signs intermediate, intermediate signs leaf; the leaf carries
//     1.2.840.113635.100.6.11.1 and the intermediate 1.2.840.113635.100.6.2.1;
//   - everything is judged at the payload's signedDate, which may be at most
//     five minutes ahead ([MaxAhead]); a chain whose leaf has ended meanwhile
//     still proves what it signed in the last 180 days ([MaxPast]);
//   - bundle id, in production the app's Apple id, and environment are the
//     configured ones; transaction and renewal info name the same original
//     transaction.
//
// The environments Xcode and LocalTesting, in which Apple's libraries skip the
// signature, do not exist here: data that claims them is refused.
//
// Proved chains are remembered for an hour by the SHA-256 of the JWS header,
// which holds the x5c; after the first one a notification costs three P-256
// signatures. With OCSP on, leaf and intermediate are also asked for every
// fifteen minutes; see [Settings.OCSP].
//
// # What is asked
//
// A [Client] asks the App Store Server API about one app in one environment:
// every endpoint that is about a customer, except the deprecated ones and those
// of Advanced Commerce. A token is made for each request. Calls wait for the
// rates of the table ([RatesOf]) and for what a 429 said; nothing is repeated by
// itself. What is signed in an answer is proved like a notification; histories
// are iterators over pages, which end whatever the App Store says. See [APIError]
// for what can go wrong, and [Consent] for the one thing that may not be forgotten.
//
// # What an event holds
//
//   - Type: "store." and the notification's names in lower case, such as
//     store.did_change_renewal_status.auto_renew_disabled; [Types] lists them.
//     A type that is not listed is kept with Known false.
//   - DedupKey: the notificationUUID, which Apple's retries repeat.
//   - OccurredAt: the notification's signedDate. Apple does not promise any
//     order: apply by this time.
//   - Subject: "transaction:" and the original transaction id; without a
//     transaction "app_transaction:", "external_purchase:", "extension:" (the
//     request's id) or "app:" (the bundle id).
//   - Identities of issuer "appstore": original_transaction_id,
//     app_account_token (lower case), app_transaction_id.
//   - Data: the JSON of [Facts].
//   - Raw: the request's body, the evidence with all signatures.
package appstore
