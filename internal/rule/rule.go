// Package rule holds the dated rules of law and house as data.
package rule

// Set is a loaded set of rules with a version.
type Set struct{}
