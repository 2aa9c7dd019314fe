// Package takeout is the file in which a workspace leaves one hub and comes into
// another: a compressed tar of JSON Lines with a manifest and checksums, sealed
// with a passphrase (age). docs/export.md is its description for others.
package takeout
