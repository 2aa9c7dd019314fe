package verdict

import "testing"

// BenchmarkJudge judges a marketing message to a Korean phone: the case with
// the most rules.
func BenchmarkJudge(b *testing.B) {
	set, f := load(b), korea("line")
	for b.Loop() {
		Judge(f, set, noon)
	}
}
