-- How far it is known what an account's source told. beat_at is when a node was
-- last there to hear it; work and last are checks, as JSON; turn counts the steps,
-- and next_at is from when on the next may be taken, by one node.
CREATE TABLE checkup (
  workspace   TEXT   NOT NULL,
  account     TEXT   NOT NULL,
  beat_at     BIGINT NOT NULL,
  heard_at    BIGINT NOT NULL,
  absent_from BIGINT NOT NULL,
  known_to    BIGINT NOT NULL,
  night_at    BIGINT NOT NULL,
  peek_at     BIGINT NOT NULL,
  asked       BOOLEAN NOT NULL,
  trouble     TEXT   NOT NULL,
  trouble_at  BIGINT NOT NULL,
  work        TEXT   NOT NULL,
  last        TEXT   NOT NULL,
  turn        BIGINT NOT NULL,
  next_at     BIGINT NOT NULL,
  PRIMARY KEY (workspace, account)
);
CREATE INDEX checkup_due ON checkup (next_at);

-- What a source told and what did not arrive, until it was entered.
CREATE TABLE gap (
  workspace TEXT   NOT NULL,
  id        TEXT   NOT NULL,
  account   TEXT   NOT NULL,
  cause     TEXT   NOT NULL,
  from_at   BIGINT NOT NULL,
  to_at     BIGINT NOT NULL,
  missed    BIGINT NOT NULL,
  found_at  BIGINT NOT NULL,
  filled_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX gap_of ON gap (workspace, account, found_at, id);

-- Since when the store is to be asked about a purchase; 0: it need not be.
ALTER TABLE purchase ADD COLUMN ask_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX purchase_ask ON purchase (workspace, account, id) WHERE ask_at > 0;
