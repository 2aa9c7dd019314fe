package console

import "net/http"

// problem is the page for what could not be done: "not_found", "forbidden",
// "crossorigin" or "unavailable".
func (p Page) problem(kind string) Problem {
	p.Title = p.T("problem." + kind + ".title")
	return Problem{
		Page: p, Back: "/",
		What:   p.T("problem."+kind+".what", "role", p.T("role."+string(p.Role))),
		Remedy: p.T("problem." + kind + ".remedy"),
	}
}

// policy is the content security policy of every page, but for where forms go.
const policy = "default-src 'self'; frame-ancestors 'self'; base-uri 'none'; object-src 'none'"

// secure sets the headers of every page: nothing but our own files, no frames
// around us, no address of ours in a Referer.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", policy+"; form-action 'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}
