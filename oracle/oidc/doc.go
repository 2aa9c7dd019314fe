// Package oidc tests sign-in against an OpenID provider written by others:
// zitadel/oidc's example server, in process. It is a module of its own so that
// what it needs stays out of the hub's.
package oidc
