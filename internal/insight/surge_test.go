package insight

import (
	"math"
	"math/rand/v2"
	"testing"
)

// steady is n days with as many sales and refunds each.
func steady(n, sold, refunded int) []Sales {
	days := make([]Sales, n)
	for i := range days {
		days[i] = Sales{sold, refunded}
	}
	return days
}

// TestSurge: a day against the app's own past.
func TestSurge(t *testing.T) {
	for _, c := range []struct {
		name  string
		past  []Sales
		today Sales
		is    bool
	}{
		{"no past at all", nil, Sales{10, 10}, false},
		{"a past of six days", steady(6, 100, 1), Sales{100, 20}, false},
		{"a week's past and three after none", steady(7, 20, 0), Sales{20, 3}, false},
		{"a week's past and six after none", steady(7, 20, 0), Sales{20, 6}, true},
		{"one after a month with none", steady(40, 20, 0), Sales{20, 1}, false},
		{"two after a month with none", steady(40, 20, 0), Sales{20, 2}, false},
		{"three after a month with none", steady(40, 20, 0), Sales{20, 3}, true},
		{"as every day", steady(40, 100, 5), Sales{100, 5}, false},
		{"twice as many of few", steady(60, 100, 1), Sales{100, 2}, false},
		{"four of one a day", steady(60, 100, 1), Sales{100, 4}, false},
		{"six of one a day", steady(60, 100, 1), Sales{100, 6}, true},
		{"twice as many of ten", steady(60, 1000, 10), Sales{1000, 20}, false},
		{"more than twice as many of ten", steady(60, 1000, 10), Sales{1000, 24}, true},
		{"a third more of a thousand", steady(60, 100_000, 1000), Sales{100_000, 1300}, false},
		{"twice as many of a thousand", steady(60, 100_000, 1000), Sales{100_000, 2000}, true},
		{"as many sales more", append(steady(60, 100, 1), steady(29, 1000, 10)...), Sales{1000, 12}, false},
		{"nothing was sold for a month", append(steady(40, 10, 1), steady(31, 0, 0)...), Sales{0, 5}, false},
		{"the second day of a surge", append(steady(60, 100, 1), Sales{100, 12}), Sales{100, 12}, true},
	} {
		got := Surges(append(c.past, c.today))
		if last := got[len(got)-1]; last.Is != c.is || last.Refunded != c.today.Refunded {
			t.Errorf("%s: %+v, want %t", c.name, last, c.is)
		}
	}
}

// TestSurgesByChance: days that differ by chance alone are called a surge on less
// than one day in five hundred, however few or many there are.
func TestSurgesByChance(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, rate := range []float64{0.05, 0.5, 3, 30} {
		const n = 20_000
		days := make([]Sales, n)
		for i := range days {
			days[i] = Sales{Sold: 100, Refunded: poisson(rng, rate)}
		}
		found := 0
		for _, s := range Surges(days) {
			if s.Is {
				found++
			}
		}
		if found > n/500 {
			t.Errorf("%.2f a day: %d of %d days", rate, found, n)
		}
	}
}

func poisson(rng *rand.Rand, rate float64) (n int) {
	for p := rng.Float64(); p > math.Exp(-rate); n++ {
		p *= rng.Float64()
	}
	return n
}
