-- The road's tables. One text for SQLite and PostgreSQL: times are BIGINT
-- microseconds UTC made in Go, ids are TEXT made in Go, sealed columns are
-- BYTEA with the id of the key that opens them in sealed_by. Every table starts
-- its key with the workspace; directory and session are the exceptions: they are
-- looked up before the workspace is known, and hold no personal data. On
-- PostgreSQL each TEXT compares by bytes, as SQLite's does (COLLATE "C", added by
-- migrate.go), and rows are walled in by workspace (walls.go).
--
-- Foreign keys stand where a row means nothing without the other. Not towards
-- workspace: each insert would lock that one row. Not where a column may be empty.
-- Not of delivery and attempt: they are written with their parent or by a lane
-- that holds it, and looking the parent up again costs more than the insert.

-- The key ring that the database was made with, and the key it was last given.
-- The keys themselves are not here.
CREATE TABLE ring (
  one     BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
  id      TEXT   NOT NULL,
  kek     TEXT   NOT NULL,
  made_at BIGINT NOT NULL
);

CREATE TABLE directory (
  public_id TEXT NOT NULL PRIMARY KEY,
  workspace TEXT NOT NULL,
  kind      TEXT NOT NULL
);

CREATE TABLE workspace (
  id         TEXT   NOT NULL PRIMARY KEY,
  name       TEXT   NOT NULL,
  locale     TEXT   NOT NULL,
  zone       TEXT   NOT NULL,
  country    TEXT   NOT NULL,
  sender     TEXT   NOT NULL,
  house      TEXT   NOT NULL,
  created_at BIGINT NOT NULL
);

-- A key whose state is erased stays as a tombstone: it can never come back.
CREATE TABLE data_key (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  state      TEXT   NOT NULL CHECK (state IN ('live', 'erased')),
  kek        TEXT   NOT NULL,
  wrapped    BYTEA,
  created_at BIGINT NOT NULL,
  erased_at  BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX data_key_wrapped ON data_key (kek) WHERE state = 'live';

CREATE TABLE member (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  name       TEXT   NOT NULL,
  mail_index TEXT   NOT NULL,
  key_id     TEXT   NOT NULL,
  role       TEXT   NOT NULL CHECK (role IN ('owner', 'admin', 'support', 'viewer')),
  locale     TEXT   NOT NULL,
  password   TEXT   NOT NULL DEFAULT '',
  oidc_user  TEXT   NOT NULL DEFAULT '',
  sealed     BYTEA  NOT NULL,
  sealed_by  TEXT   NOT NULL,
  created_at BIGINT NOT NULL,
  ended_at   BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace, id),
  UNIQUE (workspace, mail_index)
);

-- Sessions and sign-in links: found by the hash of a token that only the
-- browser has.
CREATE TABLE session (
  token_hash TEXT   NOT NULL PRIMARY KEY,
  workspace  TEXT   NOT NULL,
  member     TEXT   NOT NULL,
  kind       TEXT   NOT NULL CHECK (kind IN ('session', 'link')),
  created_at BIGINT NOT NULL,
  seen_at    BIGINT NOT NULL,
  ends_at    BIGINT NOT NULL,
  FOREIGN KEY (workspace, member) REFERENCES member (workspace, id)
);
CREATE INDEX session_of ON session (workspace, member);
CREATE INDEX session_ended ON session (ends_at);

CREATE TABLE api_key (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  name       TEXT   NOT NULL,
  hash       TEXT   NOT NULL,
  scopes     TEXT   NOT NULL,
  member     TEXT   NOT NULL DEFAULT '',
  partner    TEXT   NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  ends_at    BIGINT NOT NULL,
  revoked_at BIGINT NOT NULL DEFAULT 0,
  used_day   BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace, id)
);

CREATE TABLE app (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  name       TEXT   NOT NULL,
  partner    TEXT   NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, id)
);

CREATE TABLE partner (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  name       TEXT   NOT NULL,
  sender     TEXT   NOT NULL,
  created_at BIGINT NOT NULL,
  ended_at   BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace, id)
);

CREATE TABLE partner_grant (
  workspace   TEXT   NOT NULL,
  id          TEXT   NOT NULL,
  partner     TEXT   NOT NULL,
  terms       TEXT   NOT NULL,
  starts_at   BIGINT NOT NULL,
  ends_at     BIGINT NOT NULL DEFAULT 0,
  ended_at    BIGINT NOT NULL DEFAULT 0,
  version     BIGINT NOT NULL,
  PRIMARY KEY (workspace, id),
  FOREIGN KEY (workspace, partner) REFERENCES partner (workspace, id)
);
CREATE INDEX partner_grant_of ON partner_grant (workspace, partner);

CREATE TABLE customer (
  workspace           TEXT   NOT NULL,
  id                  TEXT   NOT NULL,
  kind                TEXT   NOT NULL CHECK (kind IN ('person', 'contract')),
  locale              TEXT   NOT NULL,
  country             TEXT   NOT NULL,
  zone                TEXT   NOT NULL,
  minor               BOOLEAN NOT NULL DEFAULT FALSE,
  erased_at           BIGINT NOT NULL DEFAULT 0,
  consent_version     BIGINT NOT NULL DEFAULT 0,
  suppression_version BIGINT NOT NULL DEFAULT 0,
  sealed              BYTEA  NOT NULL,
  sealed_by           TEXT   NOT NULL,
  sample              BOOLEAN NOT NULL DEFAULT FALSE,
  created_at          BIGINT NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX customer_new ON customer (workspace, created_at, id);

-- The handle by which a partner knows a customer of one of its apps.
CREATE TABLE handle (
  workspace TEXT NOT NULL,
  id        TEXT NOT NULL,
  app       TEXT NOT NULL,
  customer  TEXT NOT NULL,
  ended_at  BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace, id),
  UNIQUE (workspace, app, customer),
  FOREIGN KEY (workspace, customer) REFERENCES customer (workspace, id)
);

CREATE TABLE identity (
  workspace  TEXT   NOT NULL,
  issuer     TEXT   NOT NULL,
  kind       TEXT   NOT NULL,
  value_hash TEXT   NOT NULL,
  key_id     TEXT   NOT NULL,
  customer   TEXT   NOT NULL,
  role       TEXT   NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, issuer, kind, value_hash),
  FOREIGN KEY (workspace, customer) REFERENCES customer (workspace, id)
);
CREATE INDEX identity_by ON identity (workspace, value_hash);
CREATE INDEX identity_of ON identity (workspace, customer);

CREATE TABLE contact_point (
  workspace   TEXT   NOT NULL,
  id          TEXT   NOT NULL,
  customer    TEXT   NOT NULL,
  kind        TEXT   NOT NULL,
  address_index TEXT NOT NULL,
  key_id      TEXT   NOT NULL,
  role        TEXT   NOT NULL,
  purposes    TEXT   NOT NULL,
  verified_at BIGINT NOT NULL,
  sealed      BYTEA  NOT NULL,
  sealed_by   TEXT   NOT NULL,
  created_at  BIGINT NOT NULL,
  ended_at    BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace, id),
  FOREIGN KEY (workspace, customer) REFERENCES customer (workspace, id)
);
CREATE INDEX contact_point_of ON contact_point (workspace, customer);
CREATE INDEX contact_point_by ON contact_point (workspace, kind, address_index);

CREATE TABLE destination (
  workspace     TEXT   NOT NULL,
  id            TEXT   NOT NULL,
  name          TEXT   NOT NULL,
  account       TEXT   NOT NULL,
  address_index TEXT   NOT NULL,
  key_id        TEXT   NOT NULL,
  locale        TEXT   NOT NULL,
  sealed        BYTEA  NOT NULL,
  sealed_by     TEXT   NOT NULL,
  created_at    BIGINT NOT NULL,
  ended_at      BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace, id)
);

-- Every change of a consent, kept. The state is the newest row that matches.
CREATE TABLE consent (
  workspace   TEXT   NOT NULL,
  id          TEXT   NOT NULL,
  customer    TEXT   NOT NULL,
  controller  TEXT   NOT NULL,
  app         TEXT   NOT NULL,
  act         TEXT   NOT NULL,
  purpose     TEXT   NOT NULL,
  channel     TEXT   NOT NULL,
  topic       TEXT   NOT NULL,
  given       BOOLEAN NOT NULL,
  pending     BOOLEAN NOT NULL,
  at          BIGINT NOT NULL,
  reminded_at BIGINT NOT NULL DEFAULT 0,
  evidence    TEXT   NOT NULL,
  PRIMARY KEY (workspace, id),
  FOREIGN KEY (workspace, customer) REFERENCES customer (workspace, id)
);
CREATE INDEX consent_of ON consent (workspace, customer, at);

CREATE TABLE relationship (
  workspace     TEXT   NOT NULL,
  account       TEXT   NOT NULL,
  contact_point TEXT   NOT NULL,
  state         TEXT   NOT NULL,
  since         BIGINT NOT NULL,
  PRIMARY KEY (workspace, account, contact_point),
  FOREIGN KEY (workspace, contact_point) REFERENCES contact_point (workspace, id)
);

CREATE TABLE disclosure (
  workspace TEXT   NOT NULL,
  id        TEXT   NOT NULL,
  app       TEXT   NOT NULL,
  account   TEXT   NOT NULL,
  version   TEXT   NOT NULL,
  evidence  TEXT   NOT NULL,
  since     BIGINT NOT NULL,
  ended_at  BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace, id)
);

CREATE TABLE suppression (
  workspace     TEXT   NOT NULL,
  channel       TEXT   NOT NULL,
  address_index TEXT   NOT NULL,
  reason        TEXT   NOT NULL,
  key_id        TEXT   NOT NULL,
  customer      TEXT   NOT NULL,
  at            BIGINT NOT NULL,
  until_at      BIGINT NOT NULL,
  PRIMARY KEY (workspace, channel, address_index, reason)
);
CREATE INDEX suppression_by ON suppression (workspace, address_index);
CREATE INDEX suppression_of ON suppression (workspace, customer);

CREATE TABLE subscription (
  workspace   TEXT   NOT NULL,
  id          TEXT   NOT NULL,
  customer    TEXT   NOT NULL,
  app         TEXT   NOT NULL,
  product     TEXT   NOT NULL,
  state       TEXT   NOT NULL,
  starts_at   BIGINT NOT NULL,
  ends_at     BIGINT NOT NULL DEFAULT 0,
  signed_at   BIGINT NOT NULL DEFAULT 0,
  environment TEXT   NOT NULL,
  detail      TEXT   NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX subscription_of ON subscription (workspace, customer);

CREATE TABLE purchase (
  workspace   TEXT   NOT NULL,
  id          TEXT   NOT NULL,
  customer    TEXT   NOT NULL,
  app         TEXT   NOT NULL,
  product     TEXT   NOT NULL,
  kind        TEXT   NOT NULL,
  state       TEXT   NOT NULL,
  at          BIGINT NOT NULL,
  environment TEXT   NOT NULL,
  detail      TEXT   NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX purchase_of ON purchase (workspace, customer);

CREATE TABLE account (
  workspace   TEXT   NOT NULL,
  id          TEXT   NOT NULL,
  kind        TEXT   NOT NULL,
  name        TEXT   NOT NULL,
  environment TEXT   NOT NULL,
  owner       TEXT   NOT NULL,
  custodian   TEXT   NOT NULL,
  enabled     BOOLEAN NOT NULL,
  version     BIGINT NOT NULL,
  sealed      BYTEA  NOT NULL,
  sealed_by   TEXT   NOT NULL,
  created_at  BIGINT NOT NULL,
  ended_at    BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace, id)
);

-- beat moves while the holder lives; fence counts the holders. tat is the
-- whole state of the steady rate (GCRA), microseconds.
CREATE TABLE lane (
  workspace    TEXT   NOT NULL,
  account      TEXT   NOT NULL,
  owner        TEXT   NOT NULL DEFAULT '',
  beat         BIGINT NOT NULL DEFAULT 0,
  fence        BIGINT NOT NULL DEFAULT 0,
  tat          BIGINT NOT NULL DEFAULT 0,
  paused_until BIGINT NOT NULL DEFAULT 0,
  pause_code   TEXT   NOT NULL DEFAULT '',
  PRIMARY KEY (workspace, account),
  FOREIGN KEY (workspace, account) REFERENCES account (workspace, id)
);

CREATE TABLE lane_limit (
  workspace TEXT NOT NULL,
  account   TEXT NOT NULL,
  scope     TEXT NOT NULL,
  state     TEXT NOT NULL,
  PRIMARY KEY (workspace, account, scope),
  FOREIGN KEY (workspace, account) REFERENCES lane (workspace, account)
);

CREATE TABLE event (
  workspace   TEXT   NOT NULL,
  id          TEXT   NOT NULL,
  account     TEXT   NOT NULL,
  type        TEXT   NOT NULL,
  dedup       TEXT   NOT NULL,
  subject     TEXT   NOT NULL,
  customer    TEXT   NOT NULL,
  occurred_at BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  known       BOOLEAN NOT NULL,
  sample      BOOLEAN NOT NULL,
  routed      BOOLEAN NOT NULL,
  trace       TEXT   NOT NULL,
  sealed      BYTEA  NOT NULL,
  sealed_by   TEXT   NOT NULL,
  PRIMARY KEY (workspace, id),
  UNIQUE (workspace, account, dedup)
);
CREATE INDEX event_ring ON event (sealed_by) WHERE sealed_by > 'ring:' AND sealed_by < 'ring;';
CREATE INDEX event_unrouted ON event (received_at, id) WHERE routed = FALSE;
CREATE INDEX event_of ON event (workspace, customer, id) WHERE customer <> '';

CREATE TABLE source_cursor (
  workspace TEXT   NOT NULL,
  account   TEXT   NOT NULL,
  cursor    TEXT   NOT NULL,
  at        BIGINT NOT NULL,
  PRIMARY KEY (workspace, account)
);

CREATE TABLE route (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  version    BIGINT NOT NULL,
  current    BOOLEAN NOT NULL,
  name       TEXT   NOT NULL,
  enabled    BOOLEAN NOT NULL,
  body       TEXT   NOT NULL,
  updated_by TEXT   NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, id, version)
);

CREATE TABLE template (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  version    BIGINT NOT NULL,
  current    BOOLEAN NOT NULL,
  name       TEXT   NOT NULL,
  words      TEXT   NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, id, version)
);

-- Stopping a broadcast is one row: every claim looks at it.
CREATE TABLE broadcast (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  name       TEXT   NOT NULL,
  state      TEXT   NOT NULL CHECK (state IN ('running', 'stopped', 'done')),
  created_at BIGINT NOT NULL,
  stopped_at BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace, id)
);

CREATE TABLE message (
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
  outcome     TEXT   NOT NULL CHECK (outcome IN ('send', 'hold', 'refuse')),
  gate        TEXT   NOT NULL,
  chain       TEXT   NOT NULL,
  trace       TEXT   NOT NULL,
  sealed      BYTEA  NOT NULL,
  sealed_by   TEXT   NOT NULL,
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX message_ring ON message (sealed_by) WHERE sealed_by > 'ring:' AND sealed_by < 'ring;';
CREATE INDEX message_new ON message (workspace, created_at, id);
CREATE INDEX message_of ON message (workspace, customer, created_at) WHERE customer <> '';
CREATE INDEX message_from ON message (workspace, event) WHERE event <> '';
CREATE INDEX message_by ON message (workspace, partner, created_at) WHERE partner <> '';

CREATE TABLE delivery (
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
  bulk          BOOLEAN NOT NULL,
  due_at        BIGINT NOT NULL,
  deadline_at   BIGINT NOT NULL,
  attempts      BIGINT NOT NULL,
  retry_key     TEXT   NOT NULL,
  key_at        BIGINT NOT NULL,
  fence         BIGINT NOT NULL,
  provider_id   TEXT   NOT NULL,
  note          TEXT   NOT NULL,
  handed_at     BIGINT NOT NULL,
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL,
  carry         BYTEA,
  sealed        BYTEA,
  sealed_by     TEXT   NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX delivery_ring ON delivery (sealed_by) WHERE sealed_by > 'ring:' AND sealed_by < 'ring;';
CREATE INDEX delivery_due ON delivery (workspace, account, bulk, partner, due_at, id) WHERE state IN ('queued', 'held', 'retrying');
CREATE INDEX delivery_deadline ON delivery (workspace, account, deadline_at) WHERE deadline_at > 0 AND state IN ('queued', 'held', 'retrying');
CREATE INDEX delivery_sending ON delivery (workspace, account, id) WHERE state = 'sending';
CREATE INDEX delivery_of ON delivery (workspace, message, position);
CREATE INDEX delivery_handed ON delivery (workspace, customer, handed_at) WHERE handed_at > 0 AND class <> 'service';

CREATE TABLE attempt (
  workspace  TEXT   NOT NULL,
  delivery   TEXT   NOT NULL,
  n          BIGINT NOT NULL,
  fence      BIGINT NOT NULL,
  retry_key  TEXT   NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at   BIGINT NOT NULL,
  outcome    TEXT   NOT NULL CHECK (outcome IN ('open', 'accepted', 'retry', 'failed', 'unknown')),
  code       TEXT   NOT NULL,
  late       BOOLEAN NOT NULL,
  sealed     BYTEA,
  sealed_by  TEXT   NOT NULL,
  PRIMARY KEY (workspace, delivery, n)
);
CREATE INDEX attempt_ring ON attempt (sealed_by) WHERE sealed_by > 'ring:' AND sealed_by < 'ring;';

CREATE TABLE task (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  kind       TEXT   NOT NULL,
  ref        TEXT   NOT NULL,
  args       TEXT   NOT NULL,
  count      BIGINT NOT NULL,
  assignee   TEXT   NOT NULL,
  due_at     BIGINT NOT NULL,
  state      TEXT   NOT NULL CHECK (state IN ('open', 'done')),
  created_at BIGINT NOT NULL,
  done_at    BIGINT NOT NULL,
  done_by    TEXT   NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE UNIQUE INDEX task_open ON task (workspace, kind, ref) WHERE state = 'open';

CREATE TABLE idempotency (
  workspace   TEXT   NOT NULL,
  key_hash    TEXT   NOT NULL,
  fingerprint TEXT   NOT NULL,
  status      BIGINT NOT NULL,
  body        BYTEA,
  sealed_by   TEXT   NOT NULL DEFAULT '',
  created_at  BIGINT NOT NULL,
  PRIMARY KEY (workspace, key_hash)
);
CREATE INDEX idempotency_old ON idempotency (created_at);

CREATE TABLE audit (
  workspace TEXT   NOT NULL,
  id        TEXT   NOT NULL,
  at        BIGINT NOT NULL,
  actor     TEXT   NOT NULL,
  action    TEXT   NOT NULL,
  object    TEXT   NOT NULL,
  detail    TEXT   NOT NULL,
  PRIMARY KEY (workspace, id)
);
