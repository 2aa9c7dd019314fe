-- What a receiver says of mail of one of our own domains: one row for each pair.
-- pair_hash is the keyed hash of both, body the state as JSON, sealed the
-- receiver's domain. While watched, answers for the pair mean something; next_at is
-- when time alone changes it; 0: nothing but an answer does.
CREATE TABLE breaker (
  workspace  TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  own        TEXT    NOT NULL,
  pair_hash  TEXT    NOT NULL,
  key_id     TEXT    NOT NULL,
  watched    BOOLEAN NOT NULL,
  body       TEXT    NOT NULL,
  next_at    BIGINT  NOT NULL,
  updated_at BIGINT  NOT NULL,
  sealed     BYTEA   NOT NULL,
  sealed_by  TEXT    NOT NULL,
  PRIMARY KEY (workspace, id),
  UNIQUE (workspace, pair_hash)
);
CREATE INDEX breaker_due ON breaker (next_at) WHERE next_at > 0;
CREATE INDEX breaker_old ON breaker (updated_at);
CREATE INDEX breaker_ring ON breaker (sealed_by) WHERE sealed_by > 'ring:' AND sealed_by < 'ring;';

-- The pair that a waiting delivery waits for; empty: none.
ALTER TABLE delivery ADD COLUMN held_for TEXT NOT NULL DEFAULT '';
CREATE INDEX delivery_held_for ON delivery (workspace, held_for, attempts, due_at, id) WHERE held_for <> '' AND waits;
