-- The packs of rules that are switched off, in order of name, with a space between.
ALTER TABLE workspace ADD COLUMN packs_off TEXT NOT NULL DEFAULT '';

-- Who switched a pack of rules on or off, and why; every switch is kept.
CREATE TABLE pack_switch (
  workspace   TEXT    NOT NULL,
  version     BIGINT  NOT NULL,
  pack        TEXT    NOT NULL,
  is_on       BOOLEAN NOT NULL,
  reason      TEXT    NOT NULL,
  switched_by TEXT    NOT NULL,
  at          BIGINT  NOT NULL,
  PRIMARY KEY (workspace, version)
);
