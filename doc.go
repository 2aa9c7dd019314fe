// Package engawa is the vocabulary of the hub: the words of the product as Go
// types, their states, and the errors a user may be told. It does no I/O and
// imports nothing but the standard library; every other package speaks in it.
//
// Read it in the order of the road: Event, Route, Message, Facts, Verdict,
// Delivery, Attempt. The people and places around the road are in
// workspace.go, customer.go and account.go.
package engawa
