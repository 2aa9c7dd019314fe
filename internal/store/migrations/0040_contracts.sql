-- Which account tells of a subscription by its contract; detail has how the contract
-- stands after what was told. Empty: nobody does.
ALTER TABLE subscription ADD COLUMN
  source TEXT NOT NULL DEFAULT '';
CREATE INDEX subscription_source ON subscription (workspace, source, id) WHERE source <> '';
-- When the list of an account's contracts is read again, by whom (turn), when it was
-- last read to its end, and how often it could not be since.
CREATE TABLE list_reading (
  workspace TEXT   NOT NULL,
  account   TEXT   NOT NULL,
  next_at   BIGINT NOT NULL,
  read_at   BIGINT NOT NULL,
  failures  BIGINT NOT NULL,
  turn      BIGINT NOT NULL,
  PRIMARY KEY (workspace, account)
);
