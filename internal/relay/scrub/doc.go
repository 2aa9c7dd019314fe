// Package scrub rebuilds a mail of a customer so that a partner may read it: a
// new message of the decoded words, without what tells who wrote or from where.
// Nothing of the mail passes as it came. Headers are dropped but for the subject;
// of the parts, texts pass as plain text and photographs as bare pixels; a part
// that cannot be decoded, or not looked into, is replaced by a notice (it fails
// closed). In what passes every known identifier of the customer is looked for
// in the forms that mail programs and people give it, and replaced.
//
// It decides on values alone: no clock, no network, no store. What it does for
// one mail is bounded by the constants below and linear in the mail's size.
package scrub
