-- Rows laid out for lanes, which change what is waiting and leave its words alone.
--
-- On SQLite a row that does not fit into its page goes on in others, and what
-- stands behind what is sealed stands there. So what changes stands before it, and
-- filler keeps a row's size when its state changes: then one page is written, not
-- the words with it.
CREATE TABLE message_laid (
  workspace   TEXT   NOT NULL,
  id          TEXT   NOT NULL,
  event       TEXT   NOT NULL,
  route       TEXT   NOT NULL,
  partner     TEXT   NOT NULL,
  member      TEXT   NOT NULL,
  app         TEXT   NOT NULL,
  customer    TEXT   NOT NULL,
  destination TEXT   NOT NULL,
  broadcast   TEXT   NOT NULL,
  purpose     TEXT   NOT NULL,
  trigger_by  TEXT   NOT NULL,
  topic       TEXT   NOT NULL,
  locale      TEXT   NOT NULL,
  urgent      BOOLEAN NOT NULL,
  sample      BOOLEAN NOT NULL,
  not_before  BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL,
  state       TEXT   NOT NULL CHECK (state IN ('waiting', 'sent', 'refused', 'failed', 'unknown', 'canceled', 'expired')),
  filler      TEXT   NOT NULL DEFAULT '',
  outcome     TEXT   NOT NULL CHECK (outcome IN ('send', 'hold', 'refuse')),
  gate        TEXT   NOT NULL,
  chain       TEXT   NOT NULL,
  trace       TEXT   NOT NULL,
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL,
  sealed_by   TEXT   NOT NULL,
  sealed      BYTEA  NOT NULL,
  PRIMARY KEY (workspace, id)
);
INSERT INTO message_laid SELECT workspace, id, event, route, partner, member, app, customer, destination, broadcast, purpose, trigger_by,
  topic, locale, urgent, sample, not_before, expires_at, state, '', outcome, gate, chain, trace, created_at, updated_at, sealed_by, sealed FROM message;
DROP TABLE message;
ALTER TABLE message_laid RENAME TO message;
CREATE INDEX message_ring ON message (sealed_by) WHERE sealed_by > 'ring:' AND sealed_by < 'ring;';
CREATE INDEX message_new ON message (workspace, created_at, id);
CREATE INDEX message_of ON message (workspace, customer, created_at, id) WHERE customer <> '';
CREATE INDEX message_from ON message (workspace, event, created_at, id) WHERE event <> '';

-- On PostgreSQL: what is sealed does not get smaller, and trying to costs a claim
-- more than anything else. Where a page of messages has room for what is changed
-- on it, no index learns of the change.
--postgres ALTER TABLE message ALTER COLUMN sealed SET STORAGE EXTERNAL;
--postgres ALTER TABLE message SET (fillfactor = 50);
--postgres ALTER TABLE delivery ALTER COLUMN sealed SET STORAGE EXTERNAL;
--postgres ALTER TABLE delivery ALTER COLUMN carry SET STORAGE EXTERNAL;
--postgres ALTER TABLE attempt ALTER COLUMN sealed SET STORAGE EXTERNAL;
--postgres ALTER TABLE event ALTER COLUMN sealed SET STORAGE EXTERNAL;
