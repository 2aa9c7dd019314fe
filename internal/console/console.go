// Package console is the pages for members: what is happening, why, and what to
// do about it. Each page is a typed templ component that takes one plain view
// (view.go); handlers load views from the store and act on forms. State changes
// by POST only, never from another site. Pages work without script; htmx only
// asks again for what moves.
package console

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/desk"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/look"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/refund"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

//go:embed static
var static embed.FS

// Deps is what the console works with. Its fields are set once.
type Deps struct {
	Store     *store.Store
	Desk      *desk.Desk
	Words     *text.Words
	Compose   *message.Composer
	Kinds     []channel.Kind
	Refunds   *refund.Runner
	Env       channel.Env     // through which accounts are asked for their places
	Stores    *follow.Clients // accounts of the App Store, to ask it with
	Log       *slog.Logger
	PublicURL string // "https://hub.example.jp", without a slash at the end
	Version   string
	Done      <-chan struct{} // closed when the hub stops: streams end; nil: never
	Secure    bool            // the console is reached over TLS: cookies say so
	Door      Door
	// InboxAddress is where mail for an account comes in; empty: this hub takes
	// none; nil: as empty.
	InboxAddress func(account string) string
	// Certify signs the certificate of erasure of a partner or a subscription.
	Certify func(ctx context.Context, workspace, id string) (string, error)
}

// Door is how members come in and go out. The console shows the pages; the
// functions keep sessions and set cookies. Errors that a person must be told
// hold an access.Refusal.
type Door struct {
	// Who returns the member of the request's session. An error holds
	// access.SessionEnded where there is none.
	Who func(w http.ResponseWriter, r *http.Request) (engawa.Member, error)
	// Password signs in a member and sets the cookies.
	Password func(w http.ResponseWriter, r *http.Request, mail engawa.Address, password engawa.Secret) error
	// Link signs in by a single-use link's token; next is where to afterwards.
	Link func(w http.ResponseWriter, r *http.Request, token engawa.Secret) (next string, err error)
	// Sure answers nil if the member signed in a short while ago, or if the
	// password is theirs; with an empty one it says whether it must be asked for.
	Sure func(r *http.Request, m engawa.Member, password engawa.Secret) error
	// Invite makes a single-use link for a member, in the name of by's actor.
	Invite func(ctx context.Context, by *store.Store, workspace, member string, life time.Duration) (link string, err error)
	// Leave ends the session.
	Leave func(w http.ResponseWriter, r *http.Request)
	// Speak keeps the language that a member chose.
	Speak func(ctx context.Context, m engawa.Member, l engawa.Locale) error
	// SetPassword changes the member's password and, unless it is empty, mail
	// address, and renews the session. The old password may be empty soon after
	// signing in. Errors that a person must be told may be *engawa.Error too.
	SetPassword func(w http.ResponseWriter, r *http.Request, m engawa.Member, mail engawa.Address, old, password engawa.Secret) error

	Provider string // name of the OpenID provider; empty: none, and the next two are not called
	// Begin sends the browser to the provider; next is where to afterwards.
	Begin func(w http.ResponseWriter, r *http.Request, next string) error
	// Return takes the provider's answer and signs in.
	Return func(w http.ResponseWriter, r *http.Request) (next string, err error)
}

type console struct{ Deps }

// New returns the console's handler for every path that is not the API's.
func New(d Deps) http.Handler {
	c := &console{d}
	mux := http.NewServeMux()
	c.outside(mux)
	c.inside(mux)
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(c.crossOrigin))
	h := guard.Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		h.ServeHTTP(w, r)
	})
}

// outside are the paths that need no session.
func (c *console) outside(mux *http.ServeMux) {
	mux.Handle("GET /static/", Static())
	mux.HandleFunc("GET /signin", c.signIn)
	mux.HandleFunc("POST /signin", c.password)
	mux.HandleFunc("GET /signin/link", c.link)
	mux.HandleFunc("POST /signin/link", c.useLink)
	mux.HandleFunc("POST /signin/oidc", c.beginProvider)
	mux.HandleFunc("GET /signin/oidc/callback", c.returnFromProvider)
	mux.HandleFunc("POST /signout", c.signOut)
	mux.HandleFunc("POST /language", c.language)
}

// inside are the pages of members, with the role that each needs.
func (c *console) inside(mux *http.ServeMux) {
	mux.Handle("GET /{$}", c.page(engawa.Viewer, c.today))
	mux.Handle("GET /live", c.page(engawa.Viewer, c.live))
	mux.Handle("GET /live/stream", c.page(engawa.Viewer, c.liveStream))
	mux.Handle("GET /live/rows", c.page(engawa.Viewer, c.liveRows))
	mux.Handle("GET /events/types", c.page(engawa.Viewer, c.types))
	mux.Handle("GET /events/types/new", c.page(engawa.Admin, c.newType))
	mux.Handle("POST /events/types/new", c.page(engawa.Admin, c.saveType))
	mux.Handle("POST /events/types/end", c.page(engawa.Admin, c.endType))
	mux.Handle("GET /events/{id}", c.page(engawa.Viewer, c.event))
	mux.Handle("GET /messages", c.page(engawa.Viewer, c.messages))
	mux.Handle("GET /messages.csv", c.page(engawa.Support, c.messagesCSV))
	mux.Handle("GET /messages/{id}", c.page(engawa.Viewer, c.message))
	mux.Handle("GET /messages/{id}/deliveries", c.page(engawa.Viewer, c.messageDeliveries))
	mux.Handle("GET /messages/{id}/html", c.page(engawa.Viewer, c.messageHTML))
	mux.Handle("POST /messages/{id}/cancel", c.page(engawa.Support, c.cancel))
	mux.Handle("POST /messages/{id}/by-hand", c.page(engawa.Support, c.byHand))
	mux.Handle("POST /tasks/{id}/by-hand", c.page(engawa.Support, c.taskByHand))
	mux.Handle("GET /customers", c.page(engawa.Viewer, c.customers))
	mux.Handle("POST /customers/find", c.page(engawa.Viewer, c.findCustomers))
	mux.Handle("POST /customers/{id}/merge/find", c.page(engawa.Support, c.findOther))
	mux.Handle("POST /customers/{id}/tags", c.page(engawa.Support, c.tagCustomer))
	mux.Handle("GET /segments", c.page(engawa.Viewer, c.segments))
	mux.Handle("GET /segments/new", c.page(engawa.Support, c.newSegment))
	mux.Handle("POST /segments/new", c.page(engawa.Support, c.saveSegment))
	mux.Handle("GET /segments/{id}", c.page(engawa.Viewer, c.segment))
	mux.Handle("POST /segments/{id}", c.page(engawa.Support, c.saveSegment))
	mux.Handle("POST /segments/{id}/end", c.page(engawa.Support, c.endSegment))
	mux.Handle("GET /broadcasts", c.page(engawa.Viewer, c.broadcasts))
	mux.Handle("GET /broadcasts/new", c.page(engawa.Admin, c.newBroadcast))
	mux.Handle("POST /broadcasts/new", c.page(engawa.Admin, c.startBroadcast))
	mux.Handle("GET /broadcasts/{id}", c.page(engawa.Viewer, c.broadcast))
	mux.Handle("POST /broadcasts/{id}/pause", c.page(engawa.Admin, c.pauseBroadcast))
	mux.Handle("POST /broadcasts/{id}/resume", c.page(engawa.Admin, c.resumeBroadcast))
	mux.Handle("POST /broadcasts/{id}/stop", c.page(engawa.Admin, c.stopBroadcast))
	mux.Handle("POST /customers/{id}/notes", c.page(engawa.Support, c.addNote))
	mux.Handle("GET /customers/{id}/write", c.page(engawa.Support, c.writeTo))
	mux.Handle("POST /customers/{id}/write", c.page(engawa.Support, c.send))
	mux.Handle("GET /purchases/{id}/extend", c.page(engawa.Viewer, c.extension))
	mux.Handle("POST /purchases/{id}/extend", c.page(engawa.Support, c.extend))
	mux.Handle("POST /extensions/{id}/look", c.page(engawa.Support, c.lookUp))
	mux.Handle("GET /extensions", c.page(engawa.Viewer, c.outages))
	mux.Handle("GET /extensions/new", c.page(engawa.Support, c.newOutage))
	mux.Handle("POST /extensions/new", c.page(engawa.Support, c.startOutage))
	mux.Handle("GET /extensions/{id}", c.page(engawa.Viewer, c.outage))
	mux.Handle("GET /customers.csv", c.page(engawa.Support, c.customersCSV))
	mux.Handle("GET /customers/{id}", c.page(engawa.Viewer, c.customer))
	mux.Handle("GET /imports", c.page(engawa.Admin, c.imports))
	mux.Handle("POST /imports", c.pageUpTo(maxUpload, engawa.Admin, c.upload))
	mux.Handle("GET /imports/{id}", c.page(engawa.Admin, c.importPage))
	mux.Handle("GET /imports/{id}/columns", c.page(engawa.Admin, c.columns))
	mux.Handle("POST /imports/{id}/columns", c.page(engawa.Admin, c.saveColumns))
	mux.Handle("GET /imports/{id}/refused.csv", c.page(engawa.Admin, c.refusedCSV))
	mux.Handle("POST /imports/{id}/apply", c.page(engawa.Admin, c.applyImport))
	mux.Handle("POST /imports/{id}/stop", c.page(engawa.Admin, c.stopImport))
	mux.Handle("POST /imports/{id}/drop", c.page(engawa.Admin, c.dropImport))
	mux.Handle("GET /customers/{id}/offers", c.page(engawa.Support, c.customerOffers))
	mux.Handle("POST /customers/{id}/offers", c.page(engawa.Support, c.handOut))
	mux.Handle("GET /customers/{id}/ticket", c.page(engawa.Support, c.ticket))
	mux.Handle("POST /customers/{id}/ticket", c.page(engawa.Support, c.openTicket))
	mux.Handle("GET /customers/{id}/stop", c.page(engawa.Support, c.withdrawal))
	mux.Handle("POST /customers/{id}/stop", c.page(engawa.Support, c.withdraw))
	mux.Handle("GET /customers/{id}/merge", c.page(engawa.Support, c.merger))
	mux.Handle("POST /customers/{id}/merge", c.page(engawa.Support, c.merge))
	mux.Handle("POST /customers/{id}/contracts/{contract}/end", c.page(engawa.Admin, c.endContract))
	mux.Handle("GET /customers/{id}/erase", c.page(engawa.Admin, c.erasure))
	mux.Handle("POST /customers/{id}/erase", c.page(engawa.Admin, c.erase))
	mux.Handle("GET /accounts", c.page(engawa.Viewer, c.accounts))
	mux.Handle("GET /accounts/new", c.page(engawa.Admin, c.newAccount))
	mux.Handle("POST /accounts/new", c.page(engawa.Admin, c.addAccount))
	mux.Handle("GET /accounts/{id}", c.page(engawa.Admin, c.account))
	mux.Handle("POST /accounts/{id}", c.page(engawa.Admin, c.changeAccount))
	mux.Handle("POST /accounts/{id}/test", c.page(engawa.Admin, c.testAccount))
	mux.Handle("POST /accounts/{id}/check", c.page(engawa.Admin, c.checkNow))
	mux.Handle("POST /accounts/{id}/notification", c.page(engawa.Admin, c.tryNotification))
	mux.Handle("GET /accounts/{id}/tries", c.page(engawa.Support, c.tries))
	mux.Handle("POST /accounts/{id}/again", c.page(engawa.Support, c.again))
	mux.Handle("POST /accounts/{id}/enable", c.page(engawa.Admin, c.enable))
	mux.Handle("POST /accounts/{id}/replay", c.page(engawa.Admin, c.replay))
	mux.Handle("POST /accounts/{id}/replay/stop", c.page(engawa.Admin, c.stopReplay))
	mux.Handle("GET /accounts/{id}/places", c.page(engawa.Admin, c.places))
	mux.Handle("POST /accounts/{id}/places", c.page(engawa.Admin, c.addPlace))
	mux.Handle("POST /accounts/{id}/places/{place}/lift", c.page(engawa.Admin, c.liftPlace))
	mux.Handle("POST /customers/{id}/points/{point}/lift", c.page(engawa.Support, c.liftPoint))
	mux.Handle("GET /accounts/{id}/patterns", c.page(engawa.Admin, c.patterns))
	mux.Handle("POST /accounts/{id}/patterns", c.page(engawa.Admin, c.changePatterns))
	mux.Handle("GET /accounts/{id}/kept", c.page(engawa.Admin, c.kept))
	mux.Handle("POST /accounts/{id}/kept/drop", c.page(engawa.Admin, c.dropKept))
	mux.Handle("GET /accounts/{id}/form", c.page(engawa.Admin, c.webForm))
	mux.Handle("POST /accounts/{id}/form", c.page(engawa.Admin, c.saveWebForm))
	mux.Handle("POST /accounts/{id}/form/try", c.page(engawa.Admin, c.tryWebForm))
	mux.Handle("POST /accounts/{id}/form/routes", c.page(engawa.Admin, c.routeWebForm))
	mux.Handle("GET /accounts/{id}/notices", c.page(engawa.Admin, c.notices))
	mux.Handle("POST /accounts/{id}/notices", c.page(engawa.Admin, c.saveNotices))
	mux.Handle("GET /accounts/{id}/sent", c.page(engawa.Viewer, c.sent))
	mux.Handle("GET /custody", c.page(engawa.Viewer, c.custodies))
	mux.Handle("POST /custody", c.page(engawa.Admin, c.addCustody))
	mux.Handle("GET /custody/questions", c.page(engawa.Viewer, c.custodyQuestions))
	mux.Handle("GET /custody/{id}", c.page(engawa.Admin, c.custody))
	mux.Handle("GET /custody/{id}/state", c.page(engawa.Admin, c.stateCustody))
	mux.Handle("POST /custody/{id}/state", c.pageUpTo(maxPictureForm, engawa.Admin, c.saveCustody))
	mux.Handle("POST /custody/{id}/done", c.pageUpTo(maxPictureForm, engawa.Admin, c.doCustody))
	mux.Handle("GET /custody/{id}/pictures/{line}", c.page(engawa.Admin, c.custodyPicture))
	mux.Handle("POST /custody/{id}/bind", c.page(engawa.Admin, c.bindCustody))
	mux.Handle("POST /custody/{id}/end", c.page(engawa.Admin, c.endCustody))
	mux.Handle("POST /custody/{id}/ask", c.page(engawa.Admin, c.askCustody))
	mux.Handle("GET /offers", c.page(engawa.Viewer, c.offers))
	mux.Handle("GET /offers/new", c.page(engawa.Admin, c.newOffer))
	mux.Handle("POST /offers/new", c.pageUpTo(maxCodes, engawa.Admin, c.saveOffer))
	mux.Handle("GET /offers/{id}", c.page(engawa.Viewer, c.pool))
	mux.Handle("POST /offers/{id}/codes", c.pageUpTo(maxCodes, engawa.Admin, c.importCodes))
	mux.Handle("POST /offers/{id}/fetch", c.page(engawa.Admin, c.fetchCodes))
	mux.Handle("POST /offers/{id}/close", c.page(engawa.Admin, c.closePool))
	mux.Handle("GET /routes", c.page(engawa.Viewer, c.routes))
	mux.Handle("GET /routes/ready", c.page(engawa.Viewer, c.readyRoutes))
	mux.Handle("POST /routes/ready/{name}", c.page(engawa.Admin, c.makeReady))
	mux.Handle("POST /store/recount", c.page(engawa.Admin, c.recount))
	mux.Handle("GET /store/products", c.page(engawa.Viewer, c.products))
	mux.Handle("POST /store/products", c.page(engawa.Admin, c.saveProduct))
	mux.Handle("POST /store/products/forget", c.page(engawa.Admin, c.forgetProduct))
	mux.Handle("GET /store", c.page(engawa.Viewer, c.figures))
	mux.Handle("GET /store.csv", c.page(engawa.Support, c.figuresCSV))
	mux.Handle("GET /store/adoption", c.page(engawa.Viewer, c.adoption))
	mux.Handle("GET /routes/new", c.page(engawa.Admin, c.newRoute))
	mux.Handle("POST /routes/new", c.page(engawa.Admin, c.saveRoute))
	mux.Handle("GET /routes/{id}", c.page(engawa.Admin, c.route))
	mux.Handle("POST /routes/{id}", c.page(engawa.Admin, c.saveRoute))
	mux.Handle("POST /routes/{id}/versions/{version}", c.page(engawa.Admin, c.restoreRoute))
	mux.Handle("GET /routes/{id}/versions", c.page(engawa.Viewer, c.routeHistory))
	mux.Handle("GET /templates", c.page(engawa.Viewer, c.templates))
	mux.Handle("GET /templates/new", c.page(engawa.Admin, c.newTemplate))
	mux.Handle("POST /templates/new", c.page(engawa.Admin, c.saveTemplate))
	mux.Handle("GET /templates/{id}", c.page(engawa.Admin, c.template))
	mux.Handle("POST /templates/{id}", c.page(engawa.Admin, c.saveTemplate))
	mux.Handle("GET /lanes", c.page(engawa.Viewer, c.lanes))
	mux.Handle("POST /lanes/{id}/resume", c.page(engawa.Support, c.resume))
	mux.Handle("POST /receivers/{id}/try", c.page(engawa.Support, c.tryReceiver))
	mux.Handle("GET /refunds", c.page(engawa.Viewer, c.refunds))
	mux.Handle("GET /refunds.csv", c.page(engawa.Support, c.refundsCSV))
	mux.Handle("GET /refunds/{id}", c.page(engawa.Viewer, c.refund))
	mux.Handle("POST /refunds/{id}/answer", c.page(engawa.Support, c.answerRefund))
	mux.Handle("POST /refunds/{id}/ignore", c.page(engawa.Support, c.ignoreRefund))
	mux.Handle("GET /accounts/{id}/refunds", c.page(engawa.Admin, c.refundRules))
	mux.Handle("POST /accounts/{id}/refunds", c.page(engawa.Admin, c.saveRefundRules))
	mux.Handle("GET /tasks", c.page(engawa.Viewer, c.tasks))
	mux.Handle("GET /tasks.csv", c.page(engawa.Support, c.tasksCSV))
	mux.Handle("GET /tasks/new", c.page(engawa.Support, c.newTask))
	mux.Handle("POST /tasks/new", c.page(engawa.Support, c.raiseTask))
	mux.Handle("GET /tasks/{id}", c.page(engawa.Viewer, c.task))
	mux.Handle("POST /tasks/{id}/take", c.page(engawa.Support, c.onTask("task_taken", takeTask)))
	mux.Handle("POST /tasks/{id}/assign", c.page(engawa.Support, c.onTask("task_given", giveTask)))
	mux.Handle("POST /tasks/{id}/due", c.page(engawa.Support, c.onTask("task_moved", moveTask)))
	mux.Handle("POST /tasks/{id}/note", c.page(engawa.Support, c.onTask("task_noted", noteTask)))
	mux.Handle("POST /tasks/{id}/done", c.page(engawa.Support, c.onTask("task", finishTask)))
	mux.Handle("POST /tasks/{id}/reopen", c.page(engawa.Support, c.onTask("task_open", reopenTask)))
	mux.Handle("GET /settings", c.page(engawa.Viewer, c.settings))
	mux.Handle("POST /settings/name", c.page(engawa.Viewer, c.changeName))
	mux.Handle("POST /settings/signin", c.page(engawa.Viewer, c.changeSignIn))
	mux.Handle("POST /settings/workspace", c.page(engawa.Admin, c.changeWorkspace))
	mux.Handle("POST /settings/link", c.page(engawa.Viewer, c.ownLink))
	mux.Handle("GET /settings/members", c.page(engawa.Admin, c.members))
	mux.Handle("GET /settings/members/new", c.page(engawa.Owner, c.newMember))
	mux.Handle("POST /settings/members/new", c.page(engawa.Owner, c.inviteMember))
	mux.Handle("GET /settings/members/{id}", c.page(engawa.Admin, c.showMember))
	mux.Handle("POST /settings/members/{id}/role", c.page(engawa.Owner, c.changeRole))
	mux.Handle("POST /settings/members/{id}/link", c.page(engawa.Owner, c.memberLink))
	mux.Handle("POST /settings/members/{id}/end", c.page(engawa.Owner, c.endMember))
	mux.Handle("GET /settings/keys", c.page(engawa.Admin, c.keys))
	mux.Handle("GET /settings/keys/new", c.page(engawa.Admin, c.newKey))
	mux.Handle("POST /settings/keys/new", c.page(engawa.Admin, c.makeKey))
	mux.Handle("POST /settings/keys/{id}/revoke", c.page(engawa.Admin, c.revokeKey))
	mux.Handle("GET /partners", c.page(engawa.Admin, c.partners))
	mux.Handle("GET /partners/new", c.page(engawa.Admin, c.newPartner))
	mux.Handle("POST /partners/new", c.page(engawa.Admin, c.addPartner))
	mux.Handle("GET /partners/{id}", c.page(engawa.Admin, c.partner))
	mux.Handle("POST /partners/{id}/apps", c.page(engawa.Admin, c.addPartnerApp))
	mux.Handle("POST /partners/{id}/secrets", c.page(engawa.Admin, c.makeSecret))
	mux.Handle("POST /partners/{id}/secrets/{key}/revoke", c.page(engawa.Admin, c.revokeSecret))
	mux.Handle("GET /partners/{id}/grants/new", c.page(engawa.Admin, c.newGrant))
	mux.Handle("POST /partners/{id}/grants/new", c.page(engawa.Admin, c.addGrant))
	mux.Handle("POST /partners/{id}/grants/{grant}/end", c.page(engawa.Admin, c.endGrant))
	mux.Handle("POST /partners/{id}/stop", c.page(engawa.Admin, c.stopPartner))
	mux.Handle("POST /partners/{id}/lift", c.page(engawa.Admin, c.liftPartner))
	mux.Handle("GET /partners/{id}/threads", c.page(engawa.Support, c.threads))
	mux.Handle("GET /messages/{id}/thread", c.page(engawa.Support, c.thread))
	mux.Handle("GET /replies/{id}", c.page(engawa.Support, c.reply))
	mux.Handle("POST /replies/{id}/pass", c.page(engawa.Support, c.passReply))
	mux.Handle("POST /replies/{id}/leave", c.page(engawa.Support, c.leaveReply))
	mux.Handle("POST /partners/{id}/end", c.page(engawa.Admin, c.endPartner))
	mux.Handle("GET /partners/{id}/certificate", c.page(engawa.Admin, c.certificate))
	mux.Handle("GET /contracts/{id}/certificate", c.page(engawa.Admin, c.certificate))
	mux.Handle("GET /rules", c.page(engawa.Viewer, c.rules))
	mux.Handle("POST /rules/{pack}", c.page(engawa.Admin, c.switchPack))
	mux.Handle("GET /rules/{pack}/trial", c.page(engawa.Admin, c.tryPack))
	mux.Handle("GET /audit", c.page(engawa.Admin, c.audit))
	mux.Handle("GET /audit.csv", c.page(engawa.Admin, c.auditCSV))
	mux.Handle("GET /", c.page(engawa.Viewer, func(*visit) error { return engawa.NotFound("page") }))
}

// Static serves the style sheets, the scripts and the mark under /static/.
func Static() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", http.FileServerFS(static))
	mux.HandleFunc("GET /static/tokens.css", look.Tokens)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=300")
		mux.ServeHTTP(w, r)
	})
}

// visit is one request of a member.
type visit struct {
	Page
	w         http.ResponseWriter
	r         *http.Request
	member    engawa.Member
	workspace engawa.Workspace
	by        *store.Store // what the member changes through it goes into the audit trail
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// ws is the workspace's id, the first argument of everything in the store.
func (v *visit) ws() string { return v.workspace.ID }

// show writes a page.
func (v *visit) show(view templ.Component) error { return v.showAs(http.StatusOK, view) }

// showAs answers with a whole page or, where it fails, with nothing of it: what
// went wrong can then be told. That the reader went away is no fault.
func (v *visit) showAs(status int, view templ.Component) error {
	var page bytes.Buffer
	if err := view.Render(v.ctx(), &page); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = page.WriteTo(v.w) // fails where nobody reads
	return nil
}

// moved answers a poll with the part of a page that bears a mark: nothing when
// the browser shows that mark.
func (v *visit) moved(mark string, part templ.Component) error {
	if mark == v.r.URL.Query().Get("mark") {
		v.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return v.show(part)
}

// see sends the browser on after a POST, to say what was done.
func (v *visit) see(path, done string) error {
	to, hash, _ := strings.Cut(path, "#")
	sep := "?"
	if strings.Contains(to, "?") {
		sep = "&"
	}
	if hash != "" {
		hash = "#" + hash
	}
	http.Redirect(v.w, v.r, to+sep+"done="+url.QueryEscape(done)+hash, http.StatusSeeOther)
	return nil
}

// titled is the visit's page with its title, in its place of the navigation.
func (v *visit) titled(at, title string) Page {
	p := v.Page
	p.At, p.Title = at, title
	return p
}

// page wraps a handler: who comes, what they may, and what to say when it fails.
func (c *console) page(need engawa.Role, serve func(*visit) error) http.Handler {
	return c.pageUpTo(1<<20, need, serve)
}

// pageUpTo is page for a form of at most so many bytes.
func (c *console) pageUpTo(most int64, need engawa.Role, serve func(*visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, most)
		member, err := c.Door.Who(w, r)
		if err != nil {
			c.toDoor(w, r, err)
			return
		}
		v, err := c.visit(w, r, member)
		if err == nil && !member.Role.Allows(need) {
			err = &engawa.Error{Code: engawa.CodeForbidden, Message: "the role does not allow it"}
		}
		if err == nil {
			err = serve(v)
		}
		if err != nil {
			c.tell(v, err)
		}
	})
}

// visit loads what every page has.
func (c *console) visit(w http.ResponseWriter, r *http.Request, m engawa.Member) (*visit, error) {
	v := &visit{w: w, r: r, member: m, by: c.Store.By("member:" + m.ID)}
	v.Page = c.stranger(r, m.Locale)
	v.Member, v.Role = m.Name, m.Role
	var err error
	if v.workspace, err = c.Store.Workspace(r.Context(), m.Workspace); err != nil {
		return v, err
	}
	v.Workspace = v.workspace.Name
	if zone, err := engawa.Zone(v.workspace.Zone); err == nil {
		v.Zone = zone
	}
	if done := r.URL.Query().Get("done"); r.Method == http.MethodGet && v.Words.Has("done."+done) {
		v.Done = done
	}
	counts, err := c.Store.CountTasks(r.Context(), m.Workspace)
	v.Tasks, v.Overdue = counts.Open, counts.Overdue
	return v, err
}

// stranger is a page for somebody of whom only the browser is known.
func (c *console) stranger(r *http.Request, l engawa.Locale) Page {
	if cookie, err := r.Cookie(languageCookie); err == nil && known(cookie.Value) {
		l = engawa.Locale(cookie.Value)
	}
	if !known(string(l)) {
		l = text.Negotiate(r.Header.Get("Accept-Language"), engawa.Japanese)
	}
	back := r.URL.RequestURI()
	if r.Method != http.MethodGet {
		back = r.URL.Path
	}
	return Page{Viewer: c.Words.For(l, nil), Path: back, Now: time.Now()}
}

// tell answers a request that failed, in words. What nobody need be told is logged.
func (c *console) tell(v *visit, err error) {
	kind, status := "unavailable", http.StatusServiceUnavailable
	if told, ok := errors.AsType[*engawa.Error](err); ok {
		switch told.Code {
		case engawa.CodeNotFound:
			kind, status = "not_found", http.StatusNotFound
		case engawa.CodeForbidden, engawa.CodeUnauthorized:
			kind, status = "forbidden", http.StatusForbidden
		case engawa.CodeConflict:
			kind, status = "conflict", http.StatusConflict
		case engawa.CodeInvalid, engawa.CodeTooLarge, engawa.CodeMismatch, engawa.CodeMethod, engawa.CodeMediaType:
			kind, status = "invalid", http.StatusBadRequest
		case engawa.CodeUnavailable, engawa.CodeRateLimited, engawa.CodeUnverified:
		}
	}
	if status == http.StatusServiceUnavailable && !errors.Is(err, context.Canceled) {
		c.Log.ErrorContext(v.ctx(), "page failed", "path", v.r.URL.Path, "error", err)
	}
	_ = v.showAs(status, ProblemPage(v.problem(kind))) // the reader went away
}

func (c *console) crossOrigin(w http.ResponseWriter, r *http.Request) {
	v := &visit{w: w, r: r, Page: c.stranger(r, "")}
	_ = v.showAs(http.StatusForbidden, ProblemPage(v.problem("crossorigin"))) // the reader went away
}

// toDoor sends somebody without a session to the sign-in, and back afterwards.
func (c *console) toDoor(w http.ResponseWriter, r *http.Request, err error) {
	if _, ok := errors.AsType[access.Refusal](err); !ok {
		v := &visit{w: w, r: r, Page: c.stranger(r, "")}
		c.tell(v, err)
		return
	}
	to := "/signin"
	if r.Method == http.MethodGet && r.URL.Path != "/" {
		to = query("/signin", "next", r.URL.RequestURI())
	}
	if r.Header.Get("Hx-Request") != "" {
		w.Header().Set("Hx-Redirect", to)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
