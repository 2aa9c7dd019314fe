// Package refund answers the App Store where a customer asked for money back.
//
// A CONSUMPTION_REQUEST opens a case (package follow); for 12 hours the business
// may say how far the purchase was used and what it would like. [Look] says what
// would be answered, by the person who chose or the account's [Policy], and what
// stands in the way; [Decide] turns it into the next state of the case. Both are
// pure. [Runner] acts: it decides while the customer's row is held, so that a
// consent withdrawn before counts, commits, sends, and records what came of it.
//
// Nothing is answered without the customer's consent to share usage data
// (engawa.ActShareUsage) on file at the moment of sending.
package refund
