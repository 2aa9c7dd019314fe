// Package fault holds tests only: the real binary, killed and starved under
// load, may lose nothing that it acknowledged. docs/bad-input.md lists them.
package fault
