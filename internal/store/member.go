package store

import (
	"context"
	"fmt"

	"github.com/engawa/engawa"
)

// ChangeMail replaces the mail address with which a member signs in. An address
// that another member of the workspace has is a conflict.
func (s *Store) ChangeMail(ctx context.Context, workspace, member string, mail engawa.Address) error {
	others, err := s.SignInsByMail(ctx, mail)
	if err != nil {
		return fmt.Errorf("change mail of %s: %w", member, err)
	}
	for _, o := range others {
		if o.Member.Workspace == workspace && o.Member.ID != member {
			return &engawa.Error{Code: engawa.CodeConflict, Field: "/mail", Message: "another member has this mail address", Remedy: "use another address"}
		}
	}
	return s.inTx(ctx, workspace, func(t *tx) error {
		ring, err := t.keys(workspace, nil)
		if err != nil {
			return err
		}
		sealed, by, err := ring.seal(workspace, "", "member", member, []byte(mail.Reveal()))
		if err != nil {
			return err
		}
		index, key := t.memberIndex(workspace, mail)
		return t.expect("member", `UPDATE member SET mail_index = $3, key_id = $4, sealed = $5, sealed_by = $6 WHERE workspace = $1 AND id = $2 AND ended_at = 0`,
			workspace, member, index, key, sealed, by)
	})
}
