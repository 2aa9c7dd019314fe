-- What must hold of the customer's purchase for a message to go, as JSON; empty: nothing.
ALTER TABLE message ADD COLUMN standing TEXT NOT NULL DEFAULT '';

-- How often what happened in a store on a day of the workspace's zone, by account
-- and product: each notification counts once, when it is journaled. Of "active" n
-- is the change: who has access on a day is the sum of all days until then.
CREATE TABLE store_day (
  workspace TEXT   NOT NULL,
  account   TEXT   NOT NULL,
  day       TEXT   NOT NULL,
  what      TEXT   NOT NULL,
  product   TEXT   NOT NULL,
  n         BIGINT NOT NULL,
  PRIMARY KEY (workspace, account, day, what, product)
);
