-- The support desk. Whom the first letters of a name may mean, by keyed hashes of
-- them (docs/decisions/0009-names.md). names_by is the key they were made with;
-- empty: not yet.
ALTER TABLE customer ADD COLUMN names_by TEXT NOT NULL DEFAULT '';
CREATE INDEX customer_unnamed ON customer (workspace, id) WHERE names_by = '';

CREATE TABLE name_prefix (
  workspace TEXT NOT NULL,
  hash      TEXT NOT NULL,
  customer  TEXT NOT NULL,
  PRIMARY KEY (workspace, hash, customer)
);
CREATE INDEX name_prefix_of ON name_prefix (workspace, customer);

-- Each transaction that was heard of, by a keyed hash of its id, and whose purchase it is.
CREATE TABLE purchase_transaction (
  workspace TEXT NOT NULL,
  hash      TEXT NOT NULL,
  key_id    TEXT NOT NULL,
  purchase  TEXT NOT NULL,
  PRIMARY KEY (workspace, hash, purchase)
);
CREATE INDEX purchase_transaction_of ON purchase_transaction (workspace, purchase);
CREATE INDEX purchase_sold ON purchase (workspace, account, product, storefront, state) WHERE kind = 'auto_renewable_subscription';

CREATE TABLE customer_note (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  customer   TEXT   NOT NULL,
  author     TEXT   NOT NULL,
  created_at BIGINT NOT NULL,
  sealed     BYTEA  NOT NULL,
  sealed_by  TEXT   NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX customer_note_of ON customer_note (workspace, customer, created_at, id);
CREATE INDEX task_of ON task (workspace, customer, created_at, id) WHERE customer <> '';

-- Renewal dates that the store was asked to move: of one purchase, or (purchase
-- is empty) of all subscribers of a product. A row is there before the store is
-- asked, with the id that the request bears: what became of it can be looked up.
CREATE TABLE extension (
  workspace   TEXT   NOT NULL,
  id          TEXT   NOT NULL,
  account     TEXT   NOT NULL,
  customer    TEXT   NOT NULL,
  purchase    TEXT   NOT NULL,
  product     TEXT   NOT NULL,
  storefronts TEXT   NOT NULL,
  days        BIGINT NOT NULL,
  reason      BIGINT NOT NULL,
  request_id  TEXT   NOT NULL,
  state       TEXT   NOT NULL CHECK (state IN ('waiting', 'asking', 'running', 'done', 'refused', 'unknown', 'undone')),
  code        BIGINT NOT NULL,
  concerned   BIGINT NOT NULL,
  succeeded   BIGINT NOT NULL,
  failed      BIGINT NOT NULL,
  listed      BIGINT NOT NULL,
  before_at   BIGINT NOT NULL,
  ends_at     BIGINT NOT NULL,
  actor       TEXT   NOT NULL,
  created_at  BIGINT NOT NULL,
  asked_at    BIGINT NOT NULL,
  looked_at   BIGINT NOT NULL,
  next_at     BIGINT NOT NULL,
  done_at     BIGINT NOT NULL,
  PRIMARY KEY (workspace, id),
  UNIQUE (workspace, account, request_id)
);
CREATE INDEX extension_of ON extension (workspace, customer, created_at, id);
CREATE INDEX extension_due ON extension (next_at) WHERE next_at > 0;
CREATE UNIQUE INDEX extension_one ON extension (workspace, purchase) WHERE purchase <> '' AND state IN ('asking', 'unknown');
CREATE UNIQUE INDEX extension_all ON extension (workspace, account, product) WHERE purchase = '' AND state IN ('waiting', 'asking', 'running');
