-- What came back by mail for a delivery: each reason and status once. The index
-- is the address's keyed hash, by which returns are counted.
CREATE TABLE mail_return (
  workspace     TEXT   NOT NULL,
  delivery      TEXT   NOT NULL,
  reason        TEXT   NOT NULL,
  status        TEXT   NOT NULL,
  address_index TEXT   NOT NULL,
  key_id        TEXT   NOT NULL,
  at            BIGINT NOT NULL,
  PRIMARY KEY (workspace, delivery, reason, status)
);
CREATE INDEX mail_return_of ON mail_return (workspace, address_index, reason, at);
CREATE INDEX mail_return_ended ON mail_return (at);
