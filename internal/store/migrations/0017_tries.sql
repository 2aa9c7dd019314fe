-- The attempts on one account, the newest first: its list, and since when it fails.
CREATE INDEX delivery_tried ON delivery (workspace, account, created_at, id) WHERE attempts > 0;
