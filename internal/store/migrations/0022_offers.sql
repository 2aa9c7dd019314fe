-- Pools of offer codes of the App Store. Of a pool whose code is one word for
-- all, sealed is that word; codes that work once each are rows of offer_code.
CREATE TABLE offer_pool (
  workspace  TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  account    TEXT    NOT NULL,
  app        TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  offer      TEXT    NOT NULL,
  product    TEXT    NOT NULL,
  word       BOOLEAN NOT NULL,
  most       BIGINT  NOT NULL,
  ends_at    BIGINT  NOT NULL,
  low_at     BIGINT  NOT NULL,
  connect    TEXT    NOT NULL,
  created_at BIGINT  NOT NULL,
  closed_at  BIGINT  NOT NULL,
  sealed_by  TEXT    NOT NULL,
  sealed     BYTEA,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX offer_pool_new ON offer_pool (workspace, created_at, id);
CREATE INDEX offer_pool_of ON offer_pool (workspace, account, offer, ends_at);
CREATE INDEX offer_pool_ring ON offer_pool (sealed_by) WHERE sealed_by > 'ring:' AND sealed_by < 'ring;';

-- A free code is sealed by the ring; from the moment it is handed out by its
-- customer's key. code_hash keeps a code from coming in twice; it is empty for a
-- pool's one word.
CREATE TABLE offer_code (
  workspace   TEXT   NOT NULL,
  id          TEXT   NOT NULL,
  pool        TEXT   NOT NULL,
  account     TEXT   NOT NULL,
  offer       TEXT   NOT NULL,
  code_hash   TEXT   NOT NULL,
  key_id      TEXT   NOT NULL,
  state       TEXT   NOT NULL CHECK (state IN ('free', 'handed', 'redeemed', 'lapsed')),
  customer    TEXT   NOT NULL,
  reason      TEXT   NOT NULL,
  handed_by   TEXT   NOT NULL,
  handed_at   BIGINT NOT NULL,
  redeemed_at BIGINT NOT NULL,
  sealed_by   TEXT   NOT NULL,
  sealed      BYTEA  NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE UNIQUE INDEX offer_code_once ON offer_code (workspace, account, code_hash) WHERE code_hash <> '';
CREATE UNIQUE INDEX offer_code_one ON offer_code (workspace, account, offer, customer) WHERE state IN ('handed', 'redeemed');
CREATE INDEX offer_code_free ON offer_code (workspace, pool, id) WHERE state = 'free';
CREATE INDEX offer_code_of ON offer_code (workspace, customer, handed_at) WHERE customer <> '';
CREATE INDEX offer_code_gone ON offer_code (workspace, pool, handed_at, id) WHERE state <> 'free';
CREATE INDEX offer_code_ring ON offer_code (sealed_by) WHERE sealed_by > 'ring:' AND sealed_by < 'ring;';

-- A key that an app carries to its customers' devices is for that app alone.
ALTER TABLE api_key ADD COLUMN app TEXT NOT NULL DEFAULT '';

-- What waits in an app, or was fetched: one for each delivery. sealed is the words.
CREATE TABLE in_app (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  delivery   TEXT   NOT NULL,
  app        TEXT   NOT NULL,
  customer   TEXT   NOT NULL,
  kept_at    BIGINT NOT NULL,
  ends_at    BIGINT NOT NULL,
  fetched_at BIGINT NOT NULL,
  seen_at    BIGINT NOT NULL,
  sealed_by  TEXT   NOT NULL,
  sealed     BYTEA  NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX in_app_of ON in_app (workspace, customer, app, ends_at);
CREATE INDEX in_app_ended ON in_app (ends_at);
