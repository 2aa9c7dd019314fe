-- The offer of which the words hold the link of a code, which is handed out when the message goes; empty: none.
ALTER TABLE message ADD COLUMN offer TEXT NOT NULL DEFAULT '';

-- What a product of the store entitles to, by the store's id of it.
CREATE TABLE product (
  workspace    TEXT   NOT NULL,
  id           TEXT   NOT NULL,
  name         TEXT   NOT NULL,
  entitlements TEXT   NOT NULL,
  months       BIGINT NOT NULL,
  days         BIGINT NOT NULL,
  updated_by   TEXT   NOT NULL,
  updated_at   BIGINT NOT NULL,
  PRIMARY KEY (workspace, id)
);
