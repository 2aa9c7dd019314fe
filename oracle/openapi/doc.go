// Package openapi reads openapi.yaml with a parser and validator written by
// others: pb33f/libopenapi. It is a module of its own so that what it needs
// stays out of the hub's.
package openapi
