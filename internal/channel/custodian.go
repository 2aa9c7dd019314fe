package channel

import (
	"context"
)

// Custodian is an account whose provider tells who else may be at it. Custody only
// asks: it changes nothing and sends nothing. What the provider does not tell is not
// among the facts. The error is an *engawa.Error in words for the operator:
// CodeUnavailable where nobody answered, any other where the credentials are not
// taken, as of a Prober.
type Custodian interface {
	Custody(ctx context.Context) (Facts, error)
}

// Facts are what a provider says of an account, by name. None is a secret; they are
// kept sealed and shown to admins.
type Facts map[string]string

// The facts that have words of their own. A kind may tell others: they are compared
// too, and shown by their names.
const (
	FactWebhook  = "webhook"    // where the provider sends what customers do: a URL; empty: nowhere
	FactUsed     = "quota_used" // how many messages the provider has counted in its month: digits
	FactMenu     = "menu"       // the id of the menu that customers see; empty: none
	FactIdentity = "identity"   // the provider's own id of the account
)

// Looked is what came of looking at an account.
type Looked struct {
	Asked bool  // there is somebody to ask
	Facts Facts // nil: the kind tells none
}

// Look asks the provider whether the settings of an account work and what it says of
// it, and changes nothing. The error is that of Probe or Custody.
func (k Kind) Look(ctx context.Context, in map[string]string, env Env) (l Looked, err error) {
	s, err := k.Check(in)
	if err != nil {
		return l, err
	}
	opened, err := k.open(s, env)
	if err != nil {
		return l, err
	}
	if c, ok := opened.(Closer); ok {
		defer c.Close() //nolint:errcheck // it has sent nothing
	}
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	if p, ok := opened.(Prober); ok {
		l.Asked = true
		if err := p.Probe(ctx); err != nil {
			return l, err
		}
	}
	if c, ok := opened.(Custodian); ok {
		l.Asked = true
		l.Facts, err = c.Custody(ctx)
	}
	return l, err
}
