package takeout

import (
	"time"
)

// Format and Version are of the files that this program writes; it reads this
// version and every one before it.
const (
	Format  = "engawa-takeout"
	Version = 1
)

// Manifest says what is in a takeout. It is its last file, so that a file that
// ends early has none.
type Manifest struct {
	Format    string         `json:"format"`
	Version   int            `json:"version"`
	Program   string         `json:"program"` // the engawa that wrote it
	MadeAt    time.Time      `json:"made_at"`
	Workspace Workspace      `json:"workspace"`
	Secrets   bool           `json:"secrets"` // the settings of accounts are all there
	Counts    map[string]int `json:"counts"`  // rows by kind
	LeftOut   LeftOut        `json:"left_out"`
	Files     []File         `json:"files"` // in the order in which they stand
}

// Workspace is whose takeout it is.
type Workspace struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// LeftOut is what a takeout lacks.
type LeftOut struct {
	Settings map[string][]string `json:"settings"` // secrets, by account
	Values   map[string]int      `json:"values"`   // by kind: rows of whose value only a hash is known
	Tables   map[string]string   `json:"tables"`   // what does not leave, and why
}

// File is one file of a takeout. A kind has as many as it needs, of some
// megabytes each; one for people has no kind.
type File struct {
	Name   string `json:"name"`
	Kind   string `json:"kind,omitempty"`
	Rows   int    `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hexadecimal
}

// The names of a takeout's files begin with a folder, so that unpacking it
// spills nothing.
const (
	folder       = "takeout/"
	manifestName = folder + "manifest.json"
	readmeName   = folder + "README.txt"
)
