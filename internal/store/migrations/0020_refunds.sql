-- A refund case is known by its account and a keyed hash of the transaction. Of
-- the store's side the columns follow from the purchase; sealed is the
-- transaction's id and what was decided and sent. next_at is when the hub looks
-- at it again; 0: when something happens.
CREATE TABLE refund_case (
  workspace   TEXT   NOT NULL,
  id          TEXT   NOT NULL,
  account     TEXT   NOT NULL,
  transaction_hash TEXT NOT NULL,
  original_hash TEXT NOT NULL,
  key_id      TEXT   NOT NULL,
  app         TEXT   NOT NULL,
  customer    TEXT   NOT NULL,
  purchase    TEXT   NOT NULL,
  environment TEXT   NOT NULL,
  kind        TEXT   NOT NULL,
  product     TEXT   NOT NULL,
  storefront  TEXT   NOT NULL,
  price       BIGINT NOT NULL,
  currency    TEXT   NOT NULL,
  bought_at   BIGINT NOT NULL,
  advanced    BOOLEAN NOT NULL,
  reason      TEXT   NOT NULL,
  requests    BIGINT NOT NULL,
  asked_at    BIGINT NOT NULL,
  due_at      BIGINT NOT NULL,
  state       TEXT   NOT NULL CHECK (state IN ('open', 'granted', 'declined', 'reversed')),
  closed_at   BIGINT NOT NULL,
  returned    BIGINT NOT NULL,
  answer      TEXT   NOT NULL,
  why         TEXT   NOT NULL,
  alarmed_at  BIGINT NOT NULL,
  next_at     BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL,
  sealed      BYTEA  NOT NULL,
  sealed_by   TEXT   NOT NULL,
  PRIMARY KEY (workspace, id),
  UNIQUE (workspace, account, transaction_hash)
);
CREATE INDEX refund_case_due ON refund_case (next_at) WHERE next_at > 0;
CREATE INDEX refund_case_open ON refund_case (workspace, due_at, id) WHERE state = 'open';
CREATE INDEX refund_case_closed ON refund_case (workspace, closed_at, id) WHERE state <> 'open';
CREATE INDEX refund_case_of ON refund_case (workspace, customer);
CREATE INDEX refund_case_transaction ON refund_case (workspace, transaction_hash);
CREATE INDEX refund_case_original ON refund_case (workspace, original_hash);
CREATE INDEX refund_case_purchase ON refund_case (workspace, purchase);

-- The rules by which an account's cases are answered; versions are kept.
CREATE TABLE refund_policy (
  workspace TEXT   NOT NULL,
  account   TEXT   NOT NULL,
  version   BIGINT NOT NULL,
  body      TEXT   NOT NULL,
  saved_by  TEXT   NOT NULL,
  at        BIGINT NOT NULL,
  PRIMARY KEY (workspace, account, version)
);

-- What the business knows of how far something was used. -1: not told.
CREATE TABLE consumption (
  workspace TEXT   NOT NULL,
  id        TEXT   NOT NULL,
  transaction_hash TEXT NOT NULL,
  key_id    TEXT   NOT NULL,
  customer  TEXT   NOT NULL,
  product   TEXT   NOT NULL,
  delivery  TEXT   NOT NULL,
  sample    BIGINT NOT NULL,
  percent   BIGINT NOT NULL,
  played    BIGINT NOT NULL,
  at        BIGINT NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE UNIQUE INDEX consumption_transaction ON consumption (workspace, transaction_hash) WHERE transaction_hash <> '';
CREATE UNIQUE INDEX consumption_customer ON consumption (workspace, customer, product) WHERE transaction_hash = '';
CREATE INDEX consumption_of ON consumption (workspace, customer);
CREATE INDEX consumption_old ON consumption (at);
