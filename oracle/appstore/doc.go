// Package appstore holds the App Store simulator against Apple's own server
// library for Node, which is installed from package-lock.json when the tests
// run and is no part of this repository.
package appstore
