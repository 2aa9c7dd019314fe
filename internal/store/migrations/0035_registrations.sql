-- Entries of customers in mailing lists of somebody else's, as far as this hub knows: put
-- there through a public form, or typed by a person. sealed holds what was submitted and,
-- while a person is asked (asked: change, remove), what it is to become. ref is that of the
-- task about it; told the message that asked for it; empty: the hub saw it by itself.
CREATE TABLE registration (
  workspace TEXT   NOT NULL,
  id        TEXT   NOT NULL,
  account   TEXT   NOT NULL,
  customer  TEXT   NOT NULL,
  message   TEXT   NOT NULL,
  plan      TEXT   NOT NULL,
  how       TEXT   NOT NULL,
  asked     TEXT   NOT NULL,
  told      TEXT   NOT NULL,
  ref       TEXT   NOT NULL,
  at        BIGINT NOT NULL,
  ended_at  BIGINT NOT NULL,
  sealed_by TEXT   NOT NULL,
  sealed    BYTEA  NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX registration_customer ON registration (workspace, customer, account);
CREATE INDEX registration_account ON registration (workspace, account) WHERE ended_at = 0;
CREATE INDEX registration_ref ON registration (workspace, ref) WHERE ref <> '';

-- When what is to be typed is destroyed, or as soon as the task is done; 0: with its customer.
ALTER TABLE task ADD COLUMN
  forget_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX task_forget ON task (forget_at) WHERE forget_at > 0;
