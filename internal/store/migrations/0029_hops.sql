-- How many messages of the hub, one out of the other, led to an event or a message:
-- what circles is found by it.
ALTER TABLE event ADD COLUMN hops BIGINT NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN hops BIGINT NOT NULL DEFAULT 0;
