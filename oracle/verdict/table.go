package oracle

import (
	"slices"

	"github.com/engawa/engawa"
)

// The table of the rules, as the countries' law and the house have them.

// zones are those of the countries that have rules.
var zones = map[string][]string{
	"JP": {"Asia/Tokyo"},
	"KR": {"Asia/Seoul"},
	"US": {"America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles", "America/Anchorage", "America/Adak", "Pacific/Honolulu"},
	"AT": {"Europe/Vienna"}, "BE": {"Europe/Brussels"}, "BG": {"Europe/Sofia"}, "CY": {"Asia/Nicosia"}, "CZ": {"Europe/Prague"}, "DE": {"Europe/Berlin"},
	"DK": {"Europe/Copenhagen"}, "EE": {"Europe/Tallinn"}, "ES": {"Europe/Madrid", "Atlantic/Canary"}, "FI": {"Europe/Helsinki"}, "FR": {"Europe/Paris"},
	"GR": {"Europe/Athens"}, "HR": {"Europe/Zagreb"}, "HU": {"Europe/Budapest"}, "IE": {"Europe/Dublin"}, "IS": {"Atlantic/Reykjavik"}, "IT": {"Europe/Rome"},
	"LI": {"Europe/Vaduz"}, "LT": {"Europe/Vilnius"}, "LU": {"Europe/Luxembourg"}, "LV": {"Europe/Riga"}, "MT": {"Europe/Malta"}, "NL": {"Europe/Amsterdam"},
	"NO": {"Europe/Oslo"}, "PL": {"Europe/Warsaw"}, "PT": {"Europe/Lisbon", "Atlantic/Madeira", "Atlantic/Azores"}, "RO": {"Europe/Bucharest"},
	"SE": {"Europe/Stockholm"}, "SI": {"Europe/Ljubljana"}, "SK": {"Europe/Bratislava"},
}

// law is whose law bears on a message: that of every country where the customer
// may be, of Kakao's own, and everybody's where no country is known that has one.
type law struct{ jp, kr, us, eu bool }

// leaveOut takes out the laws that the business does not have checked where it
// knows the country.
func (l *law) leaveOut(off []string) {
	for _, name := range off {
		switch name {
		case "jp":
			l.jp = false
		case "kr":
			l.kr = false
		case "us":
			l.us = false
		case "eu":
			l.eu = false
		}
	}
}

func lawFor(countries []string, channel string) law {
	var l law
	for _, c := range countries {
		switch {
		case c == "JP":
			l.jp = true
		case c == "KR":
			l.kr = true
		case c == "US":
			l.us = true
		case zones[c] != nil:
			l.eu = true
		}
	}
	if l == (law{}) {
		l = law{true, true, true, true}
	}
	if channel == "kakao" || channel == "alimtalk" {
		l.kr = true
	}
	return l
}

// window is quiet hours, in minutes of the day, on the wall clocks of zones.
type window struct {
	from, to int
	zones    []string
}

// quiet are the quiet hours of advertising; night: the customer agreed to it at
// night too.
func (l law) quiet(channel string, known, countries []string, night bool) (ws []window, any bool) {
	const evening, morning = 21 * 60, 8 * 60
	where := func(home ...string) []string {
		if len(known) > 0 {
			return known
		}
		return here(countries, home...)
	}
	if l.kr && channel != "mail" {
		any = true
		if !night {
			ws = append(ws, window{evening, morning, append([]string{"Asia/Seoul"}, where("KR")...)})
		}
	}
	if channel == "kakao" { // the platform's own: from 20:50, and the last minute is left free
		any = true
		ws = append(ws, window{20*60 + 49, morning, append([]string{"Asia/Seoul"}, where("KR")...)})
	}
	if l.us && channel == "sms" {
		any = true
		ws = append(ws, window{evening, morning, where("US")})
	}
	return ws, any
}

// here are the zones of those of countries that are among home, of all of home
// if none is.
func here(countries []string, home ...string) (out []string) {
	for _, c := range countries {
		if slices.Contains(home, c) {
			out = append(out, zones[c]...)
		}
	}
	if out != nil {
		return out
	}
	for _, c := range home {
		out = append(out, zones[c]...)
	}
	return out
}

// details are the parts of the sender's profile that advertising needs, by rule.
func (l law) details(channel string) map[string]string {
	need := map[string]string{}
	mail := channel == "mail"
	if l.jp && mail {
		need["JP-04"] = "name postal contact"
	}
	if l.kr && mail {
		need["KR-09"] = "name postal phone mail"
	}
	if l.kr && !mail {
		need["KR-09.chat"] = "name phone"
	}
	if l.eu {
		need["EU-03"] = "name contact"
	}
	if l.us && mail {
		need["US-01"] = "name postal"
	}
	if len(need) == 0 {
		need["H-04"] = "name"
	}
	return need
}

// owed is what an advertisement must carry.
func (l law) owed(channel string) (owed []engawa.Obligation) {
	if l.kr && channel == "mail" {
		owed = append(owed, engawa.Obligation{Kind: "subject_prefix", Rule: "KR-07", Text: "(광고)"})
	}
	if l.kr && channel != "mail" {
		owed = append(owed, engawa.Obligation{Kind: "body_prefix", Rule: "KR-08", Text: "(광고)"})
	}
	for id := range l.details(channel) {
		owed = append(owed, engawa.Obligation{Kind: "footer", Rule: id})
	}
	if channel == "mail" {
		owed = append(owed, engawa.Obligation{Kind: "one_click", Rule: "M-04"})
	}
	return owed
}
