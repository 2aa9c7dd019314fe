-- What customers answered partners, made anew and sealed with the customer's key.
CREATE TABLE partner_reply (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  customer   TEXT   NOT NULL,
  partner    TEXT   NOT NULL,
  app        TEXT   NOT NULL,
  message    TEXT   NOT NULL,
  at         BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  sealed     BYTEA  NOT NULL,
  sealed_by  TEXT   NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX partner_reply_of ON partner_reply (workspace, customer, id);
CREATE INDEX partner_reply_for ON partner_reply (workspace, partner, created_at, id);
