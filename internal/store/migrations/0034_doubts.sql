-- Why an answer waits for a person before a partner may read it; empty: it does not.
-- sender is from which address it says it came, masked, while it waits.
ALTER TABLE partner_reply ADD COLUMN
  doubt TEXT NOT NULL DEFAULT '';
ALTER TABLE partner_reply ADD COLUMN
  sender TEXT NOT NULL DEFAULT '';
