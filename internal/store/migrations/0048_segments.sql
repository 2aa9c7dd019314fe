-- What a business calls its customers: sealed by the customer's key, found by a
-- keyed hash.
CREATE TABLE customer_tag (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  customer   TEXT   NOT NULL,
  tag_hash   TEXT   NOT NULL,
  key_id     TEXT   NOT NULL,
  sealed     BYTEA  NOT NULL,
  sealed_by  TEXT   NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, id),
  UNIQUE (workspace, customer, tag_hash),
  FOREIGN KEY (workspace, customer) REFERENCES customer (workspace, id)
);
CREATE INDEX customer_tag_by ON customer_tag (workspace, tag_hash, customer);

-- When the customer's own page was open last, to the hour; what else a customer
-- does stands in the journal.
ALTER TABLE customer ADD COLUMN seen_at BIGINT NOT NULL DEFAULT 0;

-- A saved selection of customers: body is the condition.
CREATE TABLE segment (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  name       TEXT   NOT NULL,
  body       TEXT   NOT NULL,
  version    BIGINT NOT NULL,
  created_by TEXT   NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, id)
);

-- What one broadcast says to whom, and how far it has come: its customers are gone
-- through by their ids, those before cursor have their messages. While walked is
-- false there are others. Stopping and pausing stay one row, which every claim looks at.
CREATE TABLE broadcast_laid (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  name       TEXT   NOT NULL,
  state      TEXT   NOT NULL CHECK (state IN ('running', 'paused', 'stopped', 'done')),
  segment    TEXT   NOT NULL,
  body       TEXT   NOT NULL,
  members    BIGINT NOT NULL,
  made       BIGINT NOT NULL,
  unmade     BIGINT NOT NULL,
  cursor     TEXT   NOT NULL,
  walked     BOOLEAN NOT NULL,
  next_at    BIGINT NOT NULL,
  created_by TEXT   NOT NULL,
  created_at BIGINT NOT NULL,
  stopped_at BIGINT NOT NULL DEFAULT 0,
  ended_at   BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace, id)
);
INSERT INTO broadcast_laid (workspace, id, name, state, segment, body, members, made, unmade, cursor, walked, next_at, created_by, created_at, stopped_at, ended_at)
  SELECT workspace, id, name, state, '', '{}', 0, 0, 0, '', TRUE, 0, '', created_at, stopped_at, stopped_at FROM broadcast;
DROP TABLE broadcast;
ALTER TABLE broadcast_laid RENAME TO broadcast;
CREATE INDEX broadcast_due ON broadcast (next_at) WHERE state = 'running';
CREATE INDEX message_broadcast ON message (workspace, broadcast, customer) WHERE broadcast <> '';
