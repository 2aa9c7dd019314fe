package text

import (
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// Viewer is who reads: words, a language and a zone.
type Viewer struct {
	Words  *Words
	Locale engawa.Locale
	Zone   *time.Location
}

// For returns a viewer who reads locale l in zone; nil means UTC.
func (w *Words) For(l engawa.Locale, zone *time.Location) Viewer {
	if zone == nil {
		zone = time.UTC
	}
	return Viewer{Words: w, Locale: l, Zone: zone}
}

// T is Words.T in the viewer's language.
func (v Viewer) T(key string, args ...any) string { return v.Words.T(v.Locale, key, args...) }

// Reason is Words.Reason with times in the viewer's zone.
func (v Viewer) Reason(r engawa.Reason) (text, remedy string) {
	return v.Words.reason(v.Locale, v.Zone, r)
}

// Number groups n as the viewer's language does.
func (v Viewer) Number(n int) string { return v.Words.tongue(v.Locale).show(n) }

// weekdays by time.Weekday.
var weekdays = map[engawa.Locale][7]string{
	engawa.Japanese: {"日", "月", "火", "水", "木", "金", "土"},
	engawa.Korean:   {"일", "월", "화", "수", "목", "금", "토"},
	engawa.English:  {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"},
}

// Day is the date without the year: 11月23日(月), 11월 23일 (월), Mon 23 Nov.
func (v Viewer) Day(t time.Time) string {
	t = t.In(v.Zone)
	month, day := strconv.Itoa(int(t.Month())), strconv.Itoa(t.Day())
	switch v.Locale {
	case engawa.Japanese:
		return month + "月" + day + "日(" + weekdays[v.Locale][t.Weekday()] + ")"
	case engawa.Korean:
		return month + "월 " + day + "일 (" + weekdays[v.Locale][t.Weekday()] + ")"
	case engawa.English:
	}
	return t.Format("Mon 2 Jan")
}

// Date is Day with the year: 2026年11月23日(月), 2026년 11월 23일 (월), Mon 23 Nov 2026.
func (v Viewer) Date(t time.Time) string {
	year := strconv.Itoa(t.In(v.Zone).Year())
	switch v.Locale {
	case engawa.Japanese:
		return year + "年" + v.Day(t)
	case engawa.Korean:
		return year + "년 " + v.Day(t)
	case engawa.English:
	}
	return v.Day(t) + " " + year
}

// Time is Day and the minute: 11月23日(月) 22:40.
func (v Viewer) Time(t time.Time) string { return v.Day(t) + " " + v.Minute(t) }

// Moment is Day and the second: 11月23日(月) 22:40:02.
func (v Viewer) Moment(t time.Time) string { return v.Day(t) + " " + v.Clock(t) }

// Minute is 22:40.
func (v Viewer) Minute(t time.Time) string { return t.In(v.Zone).Format("15:04") }

// Clock is 22:40:02.
func (v Viewer) Clock(t time.Time) string { return t.In(v.Zone).Format("15:04:05") }

// Title is for a tooltip: the instant with year, second, zone, and the same in UTC.
func (v Viewer) Title(t time.Time) string {
	return v.Date(t) + " " + t.In(v.Zone).Format("15:04:05 MST") + " · " + t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// Duration says how long d is in at most two units: 2時間48分, 2시간 48분, 2 h 48 min.
func (v Viewer) Duration(d time.Duration) string {
	d = max(0, d)
	switch {
	case d < time.Second:
		return v.unit("unit.millisecond", d.Milliseconds())
	case d < time.Minute:
		return v.unit("unit.second", int64(d/time.Second))
	case d < time.Hour:
		return v.two("unit.minute", int64(d/time.Minute), "unit.second", int64(d%time.Minute/time.Second))
	case d < 24*time.Hour:
		return v.two("unit.hour", int64(d/time.Hour), "unit.minute", int64(d%time.Hour/time.Minute))
	}
	return v.two("unit.day", int64(d/(24*time.Hour)), "unit.hour", int64(d%(24*time.Hour)/time.Hour))
}

func (v Viewer) unit(key string, n int64) string { return v.T(key, "n", int(n)) }

func (v Viewer) two(big string, n int64, small string, m int64) string {
	if m == 0 {
		return v.unit(big, n)
	}
	gap := " "
	if v.Locale == engawa.Japanese {
		gap = ""
	}
	return v.unit(big, n) + gap + v.unit(small, m)
}

// Money shows an amount in the currency's minor units: 12,800円, 12,800엔, JPY 12,800.
// Currencies other than JPY and KRW have two decimals.
func (v Viewer) Money(amount int64, currency string) string {
	sign := ""
	if amount < 0 {
		sign, amount = "-", -amount
	}
	currency = strings.ToUpper(currency)
	if currency == "JPY" || currency == "KRW" {
		n := sign + v.Number(int(amount))
		if key := "money." + strings.ToLower(currency); v.Locale != engawa.English {
			return v.Words.T(v.Locale, key, "amount", n)
		}
		return currency + " " + n
	}
	cents := strconv.FormatInt(100+amount%100, 10)[1:]
	return currency + " " + sign + v.Number(int(amount/100)) + "." + cents
}
