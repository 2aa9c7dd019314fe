package console

import "strings"

func (p Page) customerKind(kind string) string {
	if kind == "contract" {
		return p.T("customers.contract")
	}
	return p.T("customers.person")
}

// pointWords says what a contact point is for: "contract, marketing".
func (p Page) pointWords(pt Point) string {
	words := []string{}
	if pt.Role != "" {
		words = append(words, pt.Role)
	}
	for _, purpose := range pt.Purposes {
		words = append(words, p.T("purpose."+string(purpose)))
	}
	if len(pt.Purposes) == 0 {
		words = append(words, p.T("customer.every_purpose"))
	}
	return strings.Join(words, ", ")
}

// consentWords says what a consent is about, from the widest to the narrowest.
func (p Page) consentWords(c Consent) string {
	channel := c.Channel
	if channel == "" {
		channel = p.T("customer.every_channel")
	}
	return joinDot(p.T("act."+string(c.Act)), p.T("purpose."+string(c.Purpose)), channel, c.Topic, c.App, c.To)
}
