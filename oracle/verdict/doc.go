// Package oracle judges messages a second time, from the table of the rules
// alone: it imports nothing of package verdict and nothing of package rule, whose
// data it does not read either. The test holds the two against each other.
package oracle
