// Package line holds the LINE simulator against LINE's own SDK as its client, and
// its answers against LINE's own descriptions of its API. The descriptions are read
// where ENGAWA_SHARED points and are no part of this repository. It is a module of
// its own so that what it needs stays out of the hub's.
package line
