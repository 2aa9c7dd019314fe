// Package purchase knows what a customer bought in the App Store and what it
// entitles to now.
//
// A [Report] is one proved thing that the store said of a purchase: a
// notification, an answer of its API. [State.Fold] adds reports to a state; it
// is pure, and the order in which reports come, and how often, does not matter:
// of each part the word with the latest signedDate counts, which Apple asks for
// since it promises no order. [State.At] tells from the state what holds at a
// moment.
//
// One state is kept for each original transaction: a subscription with all its
// renewals and changes of plan, or one thing bought once. A family member to
// whom a purchase is shared has an original transaction of their own.
package purchase
