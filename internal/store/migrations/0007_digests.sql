-- Events that wait for others to be told of in one message. by_hash is a keyed hash
-- of the value in which they agree; version is the route's when it was opened.
CREATE TABLE digest (
  workspace TEXT   NOT NULL,
  id        TEXT   NOT NULL,
  route     TEXT   NOT NULL,
  version   BIGINT NOT NULL,
  step      BIGINT NOT NULL,
  by_hash   TEXT   NOT NULL,
  state     TEXT   NOT NULL CHECK (state IN ('open', 'done')),
  count     BIGINT NOT NULL,
  opened_at BIGINT NOT NULL,
  due_at    BIGINT NOT NULL,
  message   TEXT   NOT NULL DEFAULT '',
  PRIMARY KEY (workspace, id)
);
CREATE UNIQUE INDEX digest_open ON digest (workspace, route, version, step, by_hash) WHERE state = 'open';
CREATE INDEX digest_due ON digest (due_at) WHERE state = 'open';

CREATE TABLE digest_event (
  workspace TEXT   NOT NULL,
  digest    TEXT   NOT NULL,
  event     TEXT   NOT NULL,
  PRIMARY KEY (workspace, digest, event)
);
