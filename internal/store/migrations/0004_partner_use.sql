-- A partner's quota counts what was handed over, not what waits.
CREATE INDEX delivery_by ON delivery (workspace, partner, handed_at) WHERE partner <> '' AND handed_at > 0;
DROP INDEX message_by;
