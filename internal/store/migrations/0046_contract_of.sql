-- The contract that a subscription is, where an account tells of it: the keyed hash of
-- its identity, since a customer may have several. Empty: nobody tells of it.
ALTER TABLE subscription ADD COLUMN
  contract TEXT NOT NULL DEFAULT '';
-- Whose are two (their customers were merged) begin anew with the next notice of each.
UPDATE subscription SET contract = COALESCE((SELECT min(i.value_hash) FROM identity i
  WHERE i.workspace = subscription.workspace AND i.customer = subscription.customer AND i.issuer = 'smaregi' AND i.kind = 'contract' GROUP BY i.customer HAVING count(*) = 1), '')
  WHERE source <> '';
DROP INDEX subscription_source;
CREATE INDEX subscription_source ON subscription (workspace, source, contract) WHERE source <> '';
