-- An address that a customer typed and nobody has confirmed yet: it may be somebody
-- else's, and no event that tells an address is the customer's by it.
ALTER TABLE contact_point ADD COLUMN
  claimed BOOLEAN NOT NULL DEFAULT FALSE;

-- Mail that came to an account and of which nothing could be made, as it came, until
-- ends_at. why: 'off', the inbox is switched off; 'loop', what a feedback loop brought
-- names no mail of ours.
CREATE TABLE unread_mail (
  workspace TEXT   NOT NULL,
  id        TEXT   NOT NULL,
  account   TEXT   NOT NULL,
  why       TEXT   NOT NULL,
  dedup     TEXT   NOT NULL,
  at        BIGINT NOT NULL,
  ends_at   BIGINT NOT NULL,
  sealed    BYTEA  NOT NULL,
  sealed_by TEXT   NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE UNIQUE INDEX unread_mail_once ON unread_mail (workspace, account, dedup);
CREATE INDEX unread_mail_end ON unread_mail (ends_at);
