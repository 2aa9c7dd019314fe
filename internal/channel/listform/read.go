package listform

import (
	"context"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// read fetches the form for the page on which an operator says what goes where.
// It submits nothing.
func read(ctx context.Context, s channel.Settings, env channel.Env) (channel.WebForm, error) {
	a, err := connect(s, env)
	if err != nil {
		return channel.WebForm{}, err
	}
	ans, err := a.visit(engawa.Parcel{}).call(ctx, "GET", a.page, "", nil)
	if err != nil {
		return channel.WebForm{}, &engawa.Error{Code: engawa.CodeUnavailable, Message: "the form's page could not be fetched: " + trouble(ctx, err), Remedy: "look whether the address is right and can be reached from here"}
	}
	all := ans.page.forms(s["charset"])
	if ans.status != 200 || ans.tooLong || len(all) < a.nth {
		return channel.WebForm{Forms: len(all)}, engawa.Invalid("/settings/url", "open the address in a browser; copy the address of the page that shows the form, without a sign-in or a redirect before it",
			"the address answered %d, with %d forms in the first 256 kB", ans.status, len(all))
	}
	f := all[a.nth-1]
	if why := a.unsafe(f); why != "" {
		return channel.WebForm{Forms: len(all)}, a.refusal(why, f)
	}
	out := channel.WebForm{
		Forms: len(all), Charset: f.charset, Shape: f.shape(),
		Disagree: ans.page.header != "" && ans.page.meta != "" && ans.page.header != ans.page.meta,
	}
	if s["shape"] != "" {
		out.Changed = compare(s["shape"], out.Shape)
	}
	for _, in := range f.fields {
		out.Inputs = append(out.Inputs, channel.WebInput{Name: in.name, Type: in.typ, Label: oneLine(in.label), Required: in.required, Options: in.options})
	}
	return out, nil
}

func (a *account) refusal(why string, f form) error {
	switch why {
	case "form_host":
		return engawa.Invalid("/settings/action_host", "if that host is yours too, allow it in the settings", "the form sends what is typed to another host, %s", oneLine(f.action.Host))
	case "form_charset":
		return engawa.Invalid("/settings/charset", "choose the encoding in the settings; the list's manual or vendor knows it", "the form's encoding is not named, or is none of UTF-8, Shift_JIS, EUC-JP and ISO-2022-JP")
	case "form_scheme":
		return engawa.Invalid("/settings/url", "ask the vendor for a form that sends over HTTPS", "the form would send addresses without encryption")
	}
	return engawa.Invalid("/settings/url", "use a form that is sent by POST", "the form would put addresses into URLs, where every log keeps them")
}
