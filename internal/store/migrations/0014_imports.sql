-- Files that a source's system exported. sealed is the file, kept for a day;
-- done is how many of its lines are applied, and next_at from when on their next
-- part may be taken, by one node.
CREATE TABLE import (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  account    TEXT   NOT NULL,
  state      TEXT   NOT NULL CHECK (state IN ('open', 'applying', 'stopped', 'done', 'dropped', 'expired')),
  mapping    TEXT   NOT NULL,
  tell       BOOLEAN NOT NULL,
  lines      BIGINT NOT NULL,
  done       BIGINT NOT NULL,
  refused    BIGINT NOT NULL,
  gone       BIGINT NOT NULL,
  counts     TEXT   NOT NULL,
  next_at    BIGINT NOT NULL,
  created_by TEXT   NOT NULL,
  created_at BIGINT NOT NULL,
  ended_at   BIGINT NOT NULL,
  sealed_by  TEXT   NOT NULL,
  sealed     BYTEA,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX import_new ON import (workspace, created_at, id);
CREATE INDEX import_due ON import (next_at) WHERE state = 'applying';
CREATE INDEX import_kept ON import (created_at) WHERE sealed_by <> '';
CREATE UNIQUE INDEX import_one ON import (workspace, account) WHERE state = 'applying';

-- What a source said last of a member or a contract, by the keyed hash of its
-- number there. seen is the last import it was in, gone the first it was not in.
CREATE TABLE import_row (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  account    TEXT   NOT NULL,
  kind       TEXT   NOT NULL CHECK (kind IN ('member', 'contract')),
  value_hash TEXT   NOT NULL,
  key_id     TEXT   NOT NULL,
  customer   TEXT   NOT NULL,
  running    BOOLEAN NOT NULL,
  seen       TEXT   NOT NULL,
  gone       TEXT   NOT NULL,
  sealed_by  TEXT   NOT NULL,
  sealed     BYTEA  NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE UNIQUE INDEX import_row_told ON import_row (workspace, account, kind, value_hash);
CREATE INDEX import_row_of ON import_row (workspace, customer);
CREATE INDEX import_row_gone ON import_row (workspace, gone) WHERE gone <> '';
