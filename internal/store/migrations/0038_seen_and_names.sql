-- Whether a message was seen in an app is asked by its deliveries, and what is
-- deleted with a message too.
CREATE INDEX in_app_delivery ON in_app (workspace, delivery);

-- The beginning of a name's fifth word has a hash too, so that a name that is sought
-- by its fourth and fifth is found without opening all who share the fourth. Those
-- who were there before are made findable so in the background.
UPDATE customer SET names_by = '' WHERE erased_at = 0 AND merged_into = '';
