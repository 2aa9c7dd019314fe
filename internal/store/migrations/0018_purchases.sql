-- A purchase is known by its account and a keyed hash of the store's id of it.
-- Columns say what held when the store last spoke; the sealed body is all it said.
DROP TABLE purchase;

CREATE TABLE purchase (
  workspace     TEXT   NOT NULL,
  id            TEXT   NOT NULL,
  account       TEXT   NOT NULL,
  original_hash TEXT   NOT NULL,
  key_id        TEXT   NOT NULL,
  app           TEXT   NOT NULL,
  customer      TEXT   NOT NULL,
  environment   TEXT   NOT NULL,
  kind          TEXT   NOT NULL,
  product       TEXT   NOT NULL,
  product_group TEXT   NOT NULL,
  state         TEXT   NOT NULL,
  renews        BOOLEAN NOT NULL,
  shared        BOOLEAN NOT NULL,
  storefront    TEXT   NOT NULL,
  bought_at     BIGINT NOT NULL,
  ends_at       BIGINT NOT NULL,
  heard_at      BIGINT NOT NULL,
  checked_at    BIGINT NOT NULL DEFAULT 0,
  sealed        BYTEA  NOT NULL,
  sealed_by     TEXT   NOT NULL,
  PRIMARY KEY (workspace, id),
  UNIQUE (workspace, account, original_hash)
);
CREATE INDEX purchase_of ON purchase (workspace, customer);
CREATE INDEX purchase_checked ON purchase (workspace, account, checked_at, id);

-- The purchase that a subscription's state comes from; empty: a system told of it.
ALTER TABLE subscription ADD COLUMN purchase TEXT NOT NULL DEFAULT '';
