-- Whether a message was seen in an app is asked by its deliveries, and what is
-- deleted with a message too.
CREATE INDEX in_app_delivery ON in_app (workspace, delivery);
