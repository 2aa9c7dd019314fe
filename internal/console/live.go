package console

// groups are the choices of the event group, all first.
func (v Live) groups() []Choice {
	list := []Choice{{"", v.T("list.any")}}
	for _, g := range []string{"general", "application", "payment", "contract", "store", "custom"} {
		list = append(list, Choice{g, v.T("group." + g)})
	}
	return list
}

// outcomes are the states that a filter offers.
func (v Live) outcomes() []Choice {
	return stateChoices(v.Page)
}

func stateChoices(p Page) []Choice {
	list := []Choice{{"", p.T("list.any")}}
	for _, s := range []string{"waiting", "sent", "refused", "failed", "unknown", "canceled", "expired"} {
		list = append(list, Choice{s, p.T("message." + s)})
	}
	return list
}
