-- How a partner stands with those who get its mail: whether its marketing is slowed
-- or stopped, by whom, and why in a person's words. cap is how many marketing
-- messages a slowed one may hand over in a day. Complaints count from counted_from on.
CREATE TABLE partner_standing (
  workspace    TEXT   NOT NULL,
  partner      TEXT   NOT NULL,
  level        TEXT   NOT NULL,
  set_by       TEXT   NOT NULL,
  reason       TEXT   NOT NULL,
  since        BIGINT NOT NULL,
  counted_from BIGINT NOT NULL,
  cap          BIGINT NOT NULL,
  PRIMARY KEY (workspace, partner)
);
CREATE INDEX event_complained ON event (workspace, received_at) WHERE type = 'mail.complained';
