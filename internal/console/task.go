package console

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/source/inbox"
	"github.com/engawa/engawa/internal/store"
)

// taskSourceURL is the page of what raised a task; empty: it has none.
func taskSourceURL(k engawa.Task) string {
	switch {
	case k.Kind == "delivery.unknown":
		return "/messages?state=unknown"
	case strings.HasPrefix(k.Kind, "listform.") && k.Args["message"] != "":
		return "/messages/" + k.Args["message"] + "#by-hand"
	case k.Kind == "destination.gone":
		return "/accounts/" + k.Args["account"] + "/places"
	case k.Kind == "listform.changed":
		return "/accounts/" + k.Ref + "/form"
	case k.Kind == store.UnprovedTask:
		return "/replies/" + k.Ref
	case k.Kind == store.RefundTask:
		return "/refunds/" + k.Ref
	case k.Kind == store.BlockedTask && k.Args["breaker"] != "":
		return "/lanes#receivers"
	case strings.HasPrefix(k.Kind, "extension.") && engawa.HasPrefix(k.Ref, engawa.PrefixExtension):
		return "/extensions/" + k.Ref
	case k.Kind == "extension.failed" && k.Customer != "":
		return "/customers/" + k.Customer
	case k.Kind == "import.gone":
		return "/imports/" + k.Args["import"] + "#gone"
	case strings.HasPrefix(k.Kind, store.Custodial):
		return custodyPath(k.Ref)
	case k.Kind == store.InboxOffTask, k.Kind == store.LoopTask:
		return "/accounts/" + k.Ref + "/kept"
	case k.Kind == inbox.Unrecognized:
		return "/accounts/" + k.Ref + "/patterns"
	case k.Args["message"] != "":
		return "/messages/" + k.Args["message"]
	}
	for prefix, page := range map[string]string{
		engawa.PrefixMessage: "/messages/", engawa.PrefixRoute: "/routes/", engawa.PrefixAccount: "/accounts/", engawa.PrefixEvent: "/events/", engawa.PrefixCustomer: "/customers/",
	} {
		if engawa.HasPrefix(k.Source, prefix) {
			return page + k.Source
		}
	}
	return ""
}

// sortOf is the sort of thing that an id or an actor names: "acc", "member".
func sortOf(source string) string {
	if i := strings.IndexAny(source, "_:"); i > 0 && slices.Contains(engawa.TaskSources[:], source[:i]) {
		return source[:i]
	}
	return ""
}

func (v *visit) taskFilter() (store.TaskFilter, Tasks) {
	q := v.r.URL.Query()
	view := Tasks{
		Page: v.titled("tasks", v.T("tasks.title")), Closed: q.Get("closed") != "", Whose: q.Get("whose"), Late: q.Get("late") != "", Kind: q.Get("kind"), Source: q.Get("source"), Order: q.Get("order"),
	}
	f := store.TaskFilter{State: "open", Overdue: view.Late, Kind: view.Kind, Source: view.Source, Order: store.TaskOrder(strings.TrimPrefix(view.Order, "newest"))}
	if view.Order == "" {
		f.Order = store.TasksDue
	}
	if view.Closed {
		f.State, f.Overdue = "done", false
		if view.Order == "" {
			f.Order = store.TasksNewest
		}
	}
	switch view.Whose {
	case "mine":
		f.Assignee = v.member.ID
	case "nobody":
		f.Unassigned = true
	}
	return f, view
}

// link is a page of the list with the view's filter.
func (v Tasks) link(path string, more ...string) string {
	closed, late := "", ""
	if v.Closed {
		closed = "1"
	}
	if v.Late {
		late = "1"
	}
	return query(path, append([]string{"closed", closed, "whose", v.Whose, "late", late, "kind", v.Kind, "source", v.Source, "order", v.Order}, more...)...)
}

// filtered reports whether the list shows less than all.
func (v Tasks) filtered() bool { return v.Whose != "" || v.Late || v.Kind != "" || v.Source != "" }

func (v Tasks) whose() []Choice {
	return []Choice{{"", v.T("tasks.whose.any")}, {"mine", v.T("tasks.whose.mine")}, {"nobody", v.T("tasks.whose.nobody")}}
}

func (v Tasks) orders() []Choice {
	return []Choice{{"", v.T("tasks.order.due")}, {"newest", v.T("tasks.order.newest")}, {"oldest", v.T("tasks.order.oldest")}}
}

func (v Tasks) sources() []Choice {
	list := []Choice{{"", v.T("list.any")}}
	for _, sort := range engawa.TaskSources {
		list = append(list, Choice{sort, v.T("tasks.source." + sort)})
	}
	if sortOf(v.Source) != "" {
		list = append(list, Choice{v.Source, v.Source}) // one thing alone
	}
	return list
}

// taskFacts says how often a task was raised and who holds it.
func (p Page) taskFacts(row TaskRow) string {
	times := ""
	if row.Count > 1 {
		times = p.T("tasks.count", "n", row.Count)
	}
	if !row.Open {
		return joinDot(row.Source, times, row.DoneBy)
	}
	return joinDot(row.Source, times, row.Assignee)
}

func (c *console) tasks(v *visit) error {
	f, view := v.taskFilter()
	people, err := c.people(v)
	if err != nil {
		return err
	}
	kinds, err := c.Store.TaskKinds(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	view.Kinds = []Choice{{"", v.T("list.any")}}
	for _, kind := range kinds {
		title, _ := v.TaskWords(engawa.Task{Kind: kind, Args: map[string]string{"title": v.T("tasks.source.member")}})
		view.Kinds = append(view.Kinds, Choice{kind, title})
	}
	p := cursor(v.r)
	p.Limit = listed
	all, err := c.Store.TaskPage(v.ctx(), v.ws(), f, p)
	if err != nil {
		return err
	}
	for _, k := range all {
		view.Rows = append(view.Rows, people.row(k))
	}
	if len(all) == listed {
		at, id := f.After(all[listed-1])
		view.Next = view.link("/tasks", "after", after(at, id))
	}
	view.CSV = view.link("/tasks.csv")
	return v.show(TasksPage(view))
}

func (c *console) tasksCSV(v *visit) error {
	f, _ := v.taskFilter()
	people, err := c.people(v)
	if err != nil {
		return err
	}
	out := v.csv("tasks", "id", "state", "kind", "title", "customer", "source", "assignee", "count", "created_at", "raised_at", "due_at", "done_at", "done_by")
	p := store.Page{Limit: 200}
	for range csvRows / 200 {
		all, err := c.Store.TaskPage(v.ctx(), v.ws(), f, p)
		if err != nil {
			return err
		}
		for _, k := range all {
			row := people.row(k)
			writeCSV(out, k.ID, k.State, k.Kind, row.Title, k.Customer, k.Source, row.Assignee, v.Number(k.Count), stamp(k.CreatedAt), stamp(k.RaisedAt), stamp(k.DueAt), stamp(k.DoneAt), row.DoneBy)
			p.At, p.ID = f.After(k)
		}
		if len(all) < 200 {
			break
		}
	}
	out.Flush()
	return nil // what failed on the way shows as a file cut short
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// dueSoonest loads the open tasks that are due next.
func (c *console) dueSoonest(v *visit, n int) (rows []TaskRow, err error) {
	people, err := c.people(v)
	if err != nil {
		return nil, err
	}
	all, err := c.Store.TaskPage(v.ctx(), v.ws(), store.TaskFilter{State: "open", Order: store.TasksDue}, store.Page{Limit: n})
	for _, k := range all {
		rows = append(rows, people.row(k))
	}
	return rows, err
}

// people names who does things.
type people struct {
	v        *visit
	names    *names // of customers alone
	members  []engawa.Member
	accounts []engawa.Account // that tasks may come of
}

func (c *console) people(v *visit) (people, error) {
	members, err := c.Store.Members(v.ctx(), v.ws())
	if err != nil {
		return people{}, err
	}
	accounts, err := c.Store.Accounts(v.ctx(), v.ws())
	return people{v, &names{c: c, v: v, customers: map[string]engawa.Customer{}}, members, accounts}, err
}

// name is a member's; of an actor, "member:…" or "key:…", it is who that is.
func (p people) name(who string) string {
	if who == "" {
		return ""
	}
	id := strings.TrimPrefix(who, "member:")
	if i := slices.IndexFunc(p.members, func(m engawa.Member) bool { return m.ID == id }); i >= 0 {
		return p.members[i].Name
	}
	if strings.HasPrefix(who, "key:") {
		return p.v.T("tasks.key")
	}
	return p.v.T("tasks.somebody")
}

// actor is name, but of what the hub did by itself.
func (p people) actor(who string) string {
	if who == "" {
		return p.v.T("tasks.hub")
	}
	return p.name(who)
}

func (p people) row(k engawa.Task) TaskRow {
	row := TaskRow{
		ID: k.ID, URL: taskSourceURL(k), Count: k.Count, DueAt: k.DueAt, At: k.CreatedAt, DoneAt: k.DoneAt, Open: k.State == "open", Late: k.Overdue(p.v.Now),
		Assignee: p.name(k.Assignee), Mine: k.Assignee != "" && k.Assignee == p.v.member.ID, DoneBy: p.name(k.DoneBy),
	}
	row.Title, row.Help = p.v.TaskWords(k)
	row.Customer, row.Whose = k.Customer, p.names.customer(k.Customer)
	if sort := sortOf(k.Source); sort != "" {
		row.Source = p.v.T("tasks.source." + sort)
	}
	if i := slices.IndexFunc(p.accounts, func(a engawa.Account) bool { return a.ID == k.Source }); i >= 0 {
		row.Source = joinDot(row.Source, p.accounts[i].Name)
	}
	return row
}

func (c *console) task(v *visit) error {
	story, err := c.Store.Task(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	people, err := c.people(v)
	if err != nil {
		return err
	}
	return v.show(TaskPage(people.task(story)))
}

// Bounds of what a person writes into a task, as the API has them.
const (
	taskTitleMost = 200
	taskTextMost  = 4000
)

// newTask shows the form that raises a task; a link may name its customer.
func (c *console) newTask(v *visit) error {
	return c.showTaskForm(v, http.StatusOK, TaskForm{Customer: v.r.URL.Query().Get("customer")})
}

func (c *console) showTaskForm(v *visit, status int, f TaskForm) error {
	people, err := c.people(v)
	if err != nil {
		return err
	}
	n, err := c.names(v)
	if err != nil {
		return err
	}
	f.Page, f.Zone = v.titled("tasks", v.T("tasks.new")), v.Zone.String()
	f.Path = "/tasks/new"
	f.Members = []Choice{{"", v.T("tasks.nobody")}}
	for _, m := range people.members {
		if m.Role.Allows(engawa.Support) {
			f.Members = append(f.Members, Choice{m.ID, m.Name})
		}
	}
	if f.Customer != "" {
		f.CustomerName = n.customer(f.Customer)
	}
	return v.showAs(status, TaskFormPage(f))
}

// raiseTask raises what a person asks for, or says what is wrong with it beside
// what was written.
func (c *console) raiseTask(v *visit) error {
	field := func(name string) string { return strings.TrimSpace(v.r.PostFormValue(name)) }
	f := TaskForm{Name: field("title"), Text: field("text"), Customer: field("customer"), Assignee: field("assignee"), Due: field("due")}
	k, err := v.taskFrom(f)
	if err == nil {
		err = v.by.Raise(v.ctx(), k)
	}
	if told, ok := errors.AsType[*engawa.Error](err); ok && (told.Code == engawa.CodeInvalid || told.Code == engawa.CodeNotFound) {
		f.Problem, f.Remedy = v.T("form.check"), v.taskProblem(told)
		return c.showTaskForm(v, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	return v.see("/tasks/"+k.ID, "task_new")
}

func (v *visit) taskFrom(f TaskForm) (engawa.Task, error) {
	id := engawa.NewID(engawa.PrefixTask)
	k := engawa.Task{
		Workspace: v.ws(), ID: id, Kind: engawa.TaskByHand, Ref: id, Source: cmp.Or(f.Customer, "member:"+v.member.ID), Customer: f.Customer, Assignee: f.Assignee,
		Args: map[string]string{"title": f.Name, "text": f.Text},
	}
	if n := utf8.RuneCountInString(f.Name); n < 1 || n > taskTitleMost {
		return k, engawa.Invalid("/title", "say it in 1 to 200 characters", "the title has %d characters", n)
	}
	if n := utf8.RuneCountInString(f.Text); n > taskTextMost {
		return k, engawa.Invalid("/text", "shorten it to 4,000 characters", "the instructions have %d characters", n)
	}
	if f.Due == "" {
		return k, nil
	}
	due, err := time.ParseInLocation(localMinute, f.Due, v.Zone)
	if err != nil {
		return k, engawa.Invalid("/due", "enter a date and a time", "the due time cannot be read")
	}
	k.DueAt = due.UTC()
	return k, nil
}

// taskProblem says which part of the form is wrong.
func (p Page) taskProblem(told *engawa.Error) string {
	switch told.Field {
	case "/title":
		return p.T("tasks.new.title") + ": " + p.T("tasks.new.title.wrong")
	case "/text":
		return p.T("tasks.new.text") + ": " + p.T("tasks.new.text.wrong")
	case "/due":
		return p.T("tasks.due") + ": " + p.T("tasks.due.unread")
	case "/assignee":
		return p.T("tasks.who") + ": " + p.T("tasks.new.who.wrong")
	}
	return p.T("tasks.new.customer") + ": " + p.T("tasks.new.customer.wrong")
}

func (p people) task(story store.TaskStory) Task {
	v := p.v
	view := Task{TaskRow: p.row(story.Task), RaisedAt: story.RaisedAt, Gone: story.Gone, May: v.Role.Allows(engawa.Support), Zone: v.Zone.String()}
	view.Page = v.titled("tasks", view.TaskRow.Title)
	view.Listed = strings.HasPrefix(story.Kind, "listform.")
	if i := slices.IndexFunc(p.accounts, func(a engawa.Account) bool { return a.ID == story.Args["account"] }); i >= 0 && view.Listed {
		view.Admin = p.accounts[i].Settings["admin_url"]
	}
	view.Path = "/tasks/" + story.ID
	if !story.DueAt.IsZero() {
		view.DueLocal = story.DueAt.In(v.Zone).Format(localMinute)
	}
	for _, name := range story.ToType() {
		if view.Listed { // its whole addresses are shown on request, which is recorded
			view.ByHand = true
			break
		}
		text := Choice{Label: v.TypeLabel(name)}
		if view.May {
			text.Value = story.Args[engawa.TypeExactly+name]
		}
		view.ToType = append(view.ToType, text)
	}
	for _, m := range p.members {
		if m.Role.Allows(engawa.Support) && m.ID != story.Assignee {
			view.Members = append(view.Members, Choice{m.ID, m.Name})
		}
	}
	raisedBy := ""
	if sort := sortOf(story.Source); sort == "member" || sort == "key" {
		raisedBy = story.Source
	}
	view.Lines = append(view.Lines, TaskLine{At: story.CreatedAt, Text: v.T("tasks.line.raised", "who", p.actor(raisedBy))})
	for _, l := range story.Lines {
		line := TaskLine{At: l.At, Text: p.line(l), Note: l.Text}
		if l.Gone {
			line.Note = v.T("tasks.line.gone")
		}
		view.Lines = append(view.Lines, line)
	}
	return view
}

// goneWords say why there is nothing to type any more. Of a list's entry that is not
// done, the time that was for it is over.
func (v Task) goneWords() string {
	switch {
	case !v.Listed:
		return v.T("tasks.type.gone")
	case v.Open:
		return v.T("tasks.type.forgotten")
	}
	return v.T("tasks.type.done")
}

// localMinute is how a browser writes what is entered as a date and a time.
const localMinute = "2006-01-02T15:04"

// line says what one act was.
func (p people) line(l store.TaskLine) string {
	v, who := p.v, p.actor(l.Actor)
	switch l.Act {
	case "assign":
		switch l.Detail {
		case "":
			return v.T("tasks.line.drop", "who", who)
		case strings.TrimPrefix(l.Actor, "member:"):
			return v.T("tasks.line.take", "who", who)
		}
		return v.T("tasks.line.give", "who", who, "to", p.name(l.Detail))
	case "due":
		due, err := time.Parse(time.RFC3339, l.Detail)
		if err != nil {
			return v.T("tasks.line.someday", "who", who)
		}
		return v.T("tasks.line.due", "who", who, "time", v.Time(due))
	case "finish":
		return v.T("tasks.line.finish", "who", who)
	case "reopen":
		return v.T("tasks.line.reopen", "who", who)
	}
	return v.T("tasks.line.note", "who", who)
}

// noteMost is the most characters of a note.
const noteMost = 4000

func (v *visit) noteOf(field string) (string, error) {
	note := strings.TrimSpace(v.r.PostFormValue(field))
	if len([]rune(note)) > noteMost {
		return "", engawa.Invalid("/"+field, "shorten it to 4,000 characters", "the note is too long")
	}
	return note, nil
}

// onTask does one thing to a task as the member, and shows its page again.
func (c *console) onTask(done string, act func(v *visit, st *store.Store, id string) error) func(*visit) error {
	return func(v *visit) error {
		id := v.r.PathValue("id")
		if err := act(v, v.by, id); err != nil {
			return err
		}
		return v.see("/tasks/"+id, done)
	}
}

func takeTask(v *visit, st *store.Store, id string) error {
	return st.AssignTask(v.ctx(), v.ws(), id, v.member.ID)
}

func giveTask(v *visit, st *store.Store, id string) error {
	return st.AssignTask(v.ctx(), v.ws(), id, v.r.PostFormValue("to"))
}

func moveTask(v *visit, st *store.Store, id string) error {
	due, entered := time.Time{}, v.r.PostFormValue("due")
	if entered != "" {
		var err error
		if due, err = time.ParseInLocation(localMinute, entered, v.Zone); err != nil {
			return engawa.Invalid("/due", v.T("tasks.due.unread"), "the due time cannot be read")
		}
	}
	return st.MoveTask(v.ctx(), v.ws(), id, due)
}

func noteTask(v *visit, st *store.Store, id string) error {
	note, err := v.noteOf("note")
	if err == nil && note == "" {
		return nil // nothing was written
	}
	if err != nil {
		return err
	}
	return st.NoteTask(v.ctx(), v.ws(), id, note)
}

func finishTask(v *visit, st *store.Store, id string) error {
	note, err := v.noteOf("note")
	if err != nil {
		return err
	}
	return st.FinishTask(v.ctx(), v.ws(), id, note)
}

func reopenTask(v *visit, st *store.Store, id string) error {
	note, err := v.noteOf("note")
	if err != nil {
		return err
	}
	return st.ReopenTask(v.ctx(), v.ws(), id, note)
}
