-- The handle by which one partner knows a customer of one app: random, and another
-- for each partner, so that two of them cannot compare notes. No program made rows
-- of the table as it was. changed is its place in what the partner's list tells of
-- changes, told a keyed hash of what the list last said of it.
DROP TABLE handle;
CREATE TABLE handle (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  app        TEXT   NOT NULL,
  partner    TEXT   NOT NULL DEFAULT '',
  customer   TEXT   NOT NULL,
  created_at BIGINT NOT NULL DEFAULT 0,
  ended_at   BIGINT NOT NULL DEFAULT 0,
  ended_by   TEXT   NOT NULL DEFAULT '',
  changed    BIGINT NOT NULL DEFAULT 0,
  told       TEXT   NOT NULL DEFAULT '',
  shared_at  BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace, id),
  FOREIGN KEY (workspace, customer) REFERENCES customer (workspace, id)
);
CREATE UNIQUE INDEX handle_one ON handle (workspace, app, partner, customer) WHERE ended_at = 0;
CREATE INDEX handle_of ON handle (workspace, customer);
CREATE INDEX handle_listed ON handle (workspace, partner, app, id) WHERE ended_at = 0;
CREATE INDEX handle_changed ON handle (workspace, partner, app, changed);

-- A partner's list of an app. n counts its changes: who counts on holds the row
-- until it commits, so that no number becomes visible after a greater one. Of one
-- that is to be gone through anew, scanned is the last customer who was looked at.
CREATE TABLE subscriber_list (
  workspace TEXT    NOT NULL,
  partner   TEXT    NOT NULL,
  app       TEXT    NOT NULL,
  n         BIGINT  NOT NULL,
  anew      BOOLEAN NOT NULL,
  scanned   TEXT    NOT NULL,
  full_at   BIGINT  NOT NULL,
  PRIMARY KEY (workspace, partner, app)
);

-- Customers of whom something changed that lists may tell. Rows are only added,
-- by whoever changes something and in the same transaction, and taken away by who
-- has looked: nothing is passed over, in whatever order transactions commit.
CREATE TABLE subscriber_mark (
  workspace TEXT NOT NULL,
  id        TEXT NOT NULL,
  customer  TEXT NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX subscription_in ON subscription (workspace, app, customer);

-- To which handle a partner's message went.
CREATE TABLE partner_message (
  workspace  TEXT   NOT NULL,
  message    TEXT   NOT NULL,
  partner    TEXT   NOT NULL,
  app        TEXT   NOT NULL,
  handle     TEXT   NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, message)
);
CREATE INDEX partner_message_new ON partner_message (workspace, partner, created_at, message);
