-- A replay hands past events to one endpoint again: up to which event it has
-- come (the journal's ids sort by time), and from when on its next step may be
-- taken, by one node.
CREATE TABLE replay (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  account    TEXT   NOT NULL,
  from_at    BIGINT NOT NULL,
  to_at      BIGINT NOT NULL,
  per_second BIGINT NOT NULL,
  state      TEXT   NOT NULL CHECK (state IN ('running', 'stopped', 'done')),
  events     BIGINT NOT NULL,
  looked     BIGINT NOT NULL,
  sent       BIGINT NOT NULL,
  cursor     TEXT   NOT NULL,
  next_at    BIGINT NOT NULL,
  created_by TEXT   NOT NULL,
  created_at BIGINT NOT NULL,
  ended_at   BIGINT NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX replay_due ON replay (next_at) WHERE state = 'running';
CREATE UNIQUE INDEX replay_one ON replay (workspace, account) WHERE state = 'running';
