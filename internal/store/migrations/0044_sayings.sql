-- What the customer was told of a decision, where a law asks for it: what came of
-- it, by a message (or a task that a person did), and later that it stands. look_at
-- is when it is looked at next what there is to tell; 0: nothing more. Who told of
-- what was decided before this, nobody knows here.
ALTER TABLE consent ADD COLUMN look_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE consent ADD COLUMN told_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE consent ADD COLUMN told_by TEXT NOT NULL DEFAULT '';
ALTER TABLE consent ADD COLUMN reminded_by TEXT NOT NULL DEFAULT '';
CREATE INDEX consent_look ON consent (look_at) WHERE look_at > 0;
UPDATE consent SET look_at = 1, told_by = 'unasked' WHERE act IN ('contact', 'contact_at_night') AND NOT pending AND purpose <> 'notice' AND purpose NOT LIKE 'service%';
