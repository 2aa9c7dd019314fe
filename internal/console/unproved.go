package console

import "context"

// reply shows an answer to a partner whose sender is not proved, as the partner
// would read it.
func (c *console) reply(v *visit) error {
	u, err := c.Store.UnprovedReply(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	n, err := c.names(v)
	if err != nil {
		return err
	}
	view := Unproved{Page: v.titled("tasks", v.T("reply.title")), UnprovedReply: u, CustomerName: n.customer(u.Customer)}
	view.Path = "/replies/" + u.ID
	return v.show(UnprovedPage(view))
}

func (c *console) passReply(v *visit) error {
	return c.settleReply(v, v.by.PassReply, "reply_passed")
}

func (c *console) leaveReply(v *visit) error {
	return c.settleReply(v, v.by.LeaveReply, "reply_left")
}

// settleReply does what a person decided. The answer's page is gone then.
func (c *console) settleReply(v *visit, act func(ctx context.Context, workspace, id string) error, done string) error {
	if err := act(v.ctx(), v.ws(), v.r.PathValue("id")); err != nil {
		return err
	}
	return v.see("/tasks", done)
}

// open reports whether there is something that can be passed on.
func (r Unproved) open() bool { return !r.Ended && !r.Body.Erased() }
