-- The contract that a subscription is, where an account tells of it: the keyed hash of
-- its identity, since a customer may have several. Empty: nobody tells of it.
ALTER TABLE subscription ADD COLUMN
  contract TEXT NOT NULL DEFAULT '';
UPDATE subscription SET contract = COALESCE((SELECT i.value_hash FROM identity i
  WHERE i.workspace = subscription.workspace AND i.customer = subscription.customer AND i.issuer = 'smaregi' AND i.kind = 'contract' ORDER BY i.created_at LIMIT 1), '')
  WHERE source <> '';
DROP INDEX subscription_source;
CREATE INDEX subscription_source ON subscription (workspace, source, contract) WHERE source <> '';
