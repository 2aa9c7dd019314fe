-- The contact point that a message is to reach, such as the one that it asks to
-- confirm; empty: whichever serves its purpose best.
ALTER TABLE message ADD COLUMN
  contact_point TEXT NOT NULL DEFAULT '';
-- A mailbox that several people read: what opens one person's data never goes there.
ALTER TABLE contact_point ADD COLUMN
  shared BOOLEAN NOT NULL DEFAULT FALSE;

-- What a customer is shown beside the box to tick, by language, as JSON. A
-- version never changes: a decision names the one that was read.
CREATE TABLE consent_wording (
  workspace TEXT   NOT NULL,
  app       TEXT   NOT NULL,
  act       TEXT   NOT NULL,
  purpose   TEXT   NOT NULL,
  version   BIGINT NOT NULL,
  words     TEXT   NOT NULL,
  made_by   TEXT   NOT NULL,
  made_at   BIGINT NOT NULL,
  PRIMARY KEY (workspace, app, act, purpose, version)
);
