-- When a member last signed in, for the page on which members are looked after.
ALTER TABLE member ADD COLUMN signed_in_at BIGINT NOT NULL DEFAULT 0;
