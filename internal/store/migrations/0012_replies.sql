-- A reply in a staff place names what it answers by the provider's id, and the
-- message's page shows its replies.
CREATE INDEX delivery_said ON delivery (workspace, account, provider_id) WHERE destination <> '' AND provider_id <> '';
CREATE INDEX event_about ON event (workspace, subject, id) WHERE subject >= 'message:' AND subject < 'message;';
