-- What is under way is one row for each claim, with the deliveries that it let
-- go: an index of those would be written twice for each of them. That a delivery
-- waits is a column of its own, so that no index looks at the state: when an
-- outcome is recorded, none learns of it. That an attempt may have arrived stands
-- by itself too: a note is what is read last, not what has to be done.
CREATE TABLE handover (
  workspace  TEXT   NOT NULL,
  account    TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  fence      BIGINT NOT NULL,
  deliveries TEXT   NOT NULL,
  PRIMARY KEY (workspace, account, id)
);
INSERT INTO handover SELECT workspace, account, id, fence, '["' || id || '"]' FROM delivery WHERE state = 'sending';
--postgres ALTER TABLE handover ALTER COLUMN deliveries SET STORAGE EXTERNAL;

CREATE TABLE delivery_laid (
  workspace     TEXT   NOT NULL,
  id            TEXT   NOT NULL,
  message       TEXT   NOT NULL,
  position      BIGINT NOT NULL,
  account       TEXT   NOT NULL,
  customer      TEXT   NOT NULL,
  contact_point TEXT   NOT NULL,
  destination   TEXT   NOT NULL,
  partner       TEXT   NOT NULL,
  class         TEXT   NOT NULL,
  state         TEXT   NOT NULL CHECK (state IN ('queued', 'held', 'sending', 'retrying', 'accepted', 'delivered', 'failed', 'unknown', 'refused', 'canceled', 'expired')),
  waits         BOOLEAN NOT NULL GENERATED ALWAYS AS (state IN ('queued', 'held', 'retrying')) STORED,
  bulk          BOOLEAN NOT NULL,
  due_at        BIGINT NOT NULL,
  deadline_at   BIGINT NOT NULL,
  attempts      BIGINT NOT NULL,
  retry_key     TEXT   NOT NULL,
  key_at        BIGINT NOT NULL,
  fence         BIGINT NOT NULL,
  provider_id   TEXT   NOT NULL,
  note          TEXT   NOT NULL,
  doubt         BOOLEAN NOT NULL DEFAULT FALSE,
  handed_at     BIGINT NOT NULL,
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL,
  carry         BYTEA,
  sealed        BYTEA,
  sealed_by     TEXT   NOT NULL,
  PRIMARY KEY (workspace, id)
);
INSERT INTO delivery_laid (workspace, id, message, position, account, customer, contact_point, destination, partner, class, state, bulk, due_at, deadline_at,
  attempts, retry_key, key_at, fence, provider_id, note, doubt, handed_at, created_at, updated_at, carry, sealed, sealed_by)
  SELECT workspace, id, message, position, account, customer, contact_point, destination, partner, class, state, bulk, due_at, deadline_at,
  attempts, retry_key, key_at, fence, provider_id, note, note = 'look_up', handed_at, created_at, updated_at, carry, sealed, sealed_by FROM delivery;
DROP TABLE delivery;
ALTER TABLE delivery_laid RENAME TO delivery;
CREATE INDEX delivery_ring ON delivery (sealed_by) WHERE sealed_by > 'ring:' AND sealed_by < 'ring;';
CREATE INDEX delivery_due ON delivery (workspace, account, bulk, partner, due_at, id) WHERE waits;
CREATE INDEX delivery_deadline ON delivery (workspace, account, deadline_at) WHERE deadline_at > 0 AND waits;
CREATE INDEX delivery_of ON delivery (workspace, message, position);
CREATE INDEX delivery_handed ON delivery (workspace, customer, handed_at) WHERE handed_at > 0 AND class <> 'service';
CREATE INDEX delivery_by ON delivery (workspace, partner, handed_at) WHERE partner <> '' AND handed_at > 0;
CREATE INDEX delivery_said ON delivery (workspace, account, provider_id) WHERE destination <> '' AND provider_id <> '';
--postgres ALTER TABLE delivery ALTER COLUMN sealed SET STORAGE EXTERNAL;
--postgres ALTER TABLE delivery ALTER COLUMN carry SET STORAGE EXTERNAL;
--postgres ALTER TABLE delivery SET (fillfactor = 50);
