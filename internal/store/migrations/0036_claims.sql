-- An address that a customer typed and nobody has confirmed yet: it may be somebody
-- else's, and no event that tells an address is the customer's by it.
ALTER TABLE contact_point ADD COLUMN
  claimed BOOLEAN NOT NULL DEFAULT FALSE;
