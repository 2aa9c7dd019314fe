-- The early verdicts of a message stand beside its words, sealed by the same key: a
-- claim reads the words alone. NULL: the row was made before, and its words have them
-- behind a line feed; or they were destroyed.
ALTER TABLE message ADD COLUMN judged BYTEA;
--postgres ALTER TABLE message ALTER COLUMN judged SET STORAGE EXTERNAL;
