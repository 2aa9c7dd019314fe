-- The ends of contracts: of a partner, or of one subscription, whose customer and
-- app stand beside it. shared is what was given, in numbers, as JSON; null: not
-- counted yet. destroyed is how much is gone. next_at is when the rest is to be; 0: it is.
CREATE TABLE partner_end (
  workspace    TEXT   NOT NULL,
  id           TEXT   NOT NULL,
  partner      TEXT   NOT NULL,
  subscription TEXT   NOT NULL,
  customer     TEXT   NOT NULL,
  app          TEXT   NOT NULL,
  started_at   BIGINT NOT NULL,
  ended_at     BIGINT NOT NULL,
  purge_at     BIGINT NOT NULL,
  next_at      BIGINT NOT NULL,
  purged_at    BIGINT NOT NULL,
  shared       TEXT   NOT NULL,
  destroyed    TEXT   NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX partner_end_due ON partner_end (next_at) WHERE next_at > 0;
CREATE INDEX partner_end_customer ON partner_end (workspace, customer) WHERE customer <> '';

-- Partners that ended before have thirty days too.
INSERT INTO partner_end (workspace, id, partner, subscription, customer, app, started_at, ended_at, purge_at, next_at, purged_at, shared, destroyed)
  SELECT workspace, 'end_' || id, id, '', '', '', created_at, ended_at, ended_at + 2592000000000, ended_at + 2592000000000, 0, 'null', '{}' FROM partner WHERE ended_at > 0;

-- When the contract of a subscription was ended here; 0: it was not.
ALTER TABLE subscription ADD COLUMN
  ended_at BIGINT NOT NULL DEFAULT 0;

-- A partner's messages whose words are still there.
CREATE INDEX message_by ON message (workspace, partner, id) WHERE partner <> '' AND sealed_by <> 'destroyed';
