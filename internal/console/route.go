package console

import (
	"strconv"

	"github.com/engawa/engawa"
)

func (v RouteForm) action() string {
	if v.ID == "" {
		return "/routes/new"
	}
	return "/routes/" + v.ID
}

func (v RouteForm) purposes() []Choice {
	var list []Choice
	for _, p := range []engawa.Purpose{engawa.Service, engawa.Notice, engawa.Marketing, engawa.Security, engawa.LegalNotice, engawa.ConsentAdmin} {
		list = append(list, Choice{string(p), v.T("purpose." + string(p))})
	}
	return list
}

// places are where an account of a step's chain may go instead: the step's own
// place first.
func (v RouteForm) places() []Choice {
	list := []Choice{{"", v.T("route.via.same")}}
	for _, c := range v.Destinations {
		if c.Value != "customer" {
			list = append(list, c)
		}
	}
	return list
}

func (v TemplateForm) action() string {
	if v.ID == "" {
		return "/templates/new"
	}
	return "/templates/" + v.ID
}

// stepName and viaName are the names of a route form's inputs: s0.to, s0.v1.account.
func stepName(i int, field string) string { return "s" + strconv.Itoa(i) + "." + field }

func viaName(i, j int, field string) string {
	return stepName(i, "v"+strconv.Itoa(j)+"."+field)
}

func blankZero(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
