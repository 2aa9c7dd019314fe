-- Why the hub refused an extension and asked nobody; empty: it did not.
ALTER TABLE extension ADD COLUMN why TEXT NOT NULL DEFAULT '';

-- Where a plan stands among those that it can be changed for: level 1 is the highest; 0: not said.
ALTER TABLE product ADD COLUMN plan_group TEXT NOT NULL DEFAULT '';
ALTER TABLE product ADD COLUMN level BIGINT NOT NULL DEFAULT 0;

-- Why a member wrote a message; empty: nobody was asked. A ticket is a member's
-- message to staff that a customer's key seals.
ALTER TABLE message ADD COLUMN reason TEXT NOT NULL DEFAULT '';
CREATE INDEX message_ticket ON message (workspace, sealed_by, created_at, id) WHERE member <> '' AND destination <> '';
