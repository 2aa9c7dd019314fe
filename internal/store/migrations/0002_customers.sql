-- A customer that was found to be another one: what it had went there.
ALTER TABLE customer ADD COLUMN
  merged_into TEXT NOT NULL DEFAULT '';
CREATE INDEX customer_merged ON customer (workspace, merged_into) WHERE merged_into <> '';
