-- The custody ledger: an entry for each account, and for what a business has at a
-- provider without an account here. sealed has the name of the latter and what the
-- provider said last; kind is that of the latter. The provider of an account is asked
-- at next_at, by whom turn says.
CREATE TABLE custody (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  account    TEXT   NOT NULL,
  kind       TEXT   NOT NULL,
  created_at BIGINT NOT NULL,
  ended_at   BIGINT NOT NULL DEFAULT 0,
  looked_at  BIGINT NOT NULL DEFAULT 0,
  silent     BIGINT NOT NULL DEFAULT 0,
  next_at    BIGINT NOT NULL DEFAULT 0,
  turn       BIGINT NOT NULL DEFAULT 0,
  sealed     BYTEA,
  sealed_by  TEXT   NOT NULL DEFAULT '',
  PRIMARY KEY (workspace, id)
);
CREATE UNIQUE INDEX custody_of ON custody (workspace, account) WHERE account <> '';
CREATE INDEX custody_due ON custody (next_at) WHERE account <> '' AND ended_at = 0;
CREATE INDEX custody_ring ON custody (sealed_by) WHERE sealed_by > 'ring:' AND sealed_by < 'ring;';

-- What was said, done and found of an entry; never changed.
CREATE TABLE custody_line (
  workspace TEXT   NOT NULL,
  id        TEXT   NOT NULL,
  custody   TEXT   NOT NULL,
  at        BIGINT NOT NULL,
  by        TEXT   NOT NULL,
  picture   TEXT   NOT NULL,
  sealed    BYTEA  NOT NULL,
  sealed_by TEXT   NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX custody_line_of ON custody_line (workspace, custody, id);
CREATE INDEX custody_line_ring ON custody_line (sealed_by) WHERE sealed_by > 'ring:' AND sealed_by < 'ring;';

-- The picture of a line, under the line's id.
CREATE TABLE custody_picture (
  workspace TEXT  NOT NULL,
  id        TEXT  NOT NULL,
  sealed    BYTEA NOT NULL,
  sealed_by TEXT  NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX custody_picture_ring ON custody_picture (sealed_by) WHERE sealed_by > 'ring:' AND sealed_by < 'ring;';

INSERT INTO custody (workspace, id, account, kind, created_at) SELECT workspace, 'cst_' || id, id, '', created_at FROM account WHERE ended_at = 0;
