-- Indexes in the order in which lists are asked for: else SQLite, before it has
-- learned anything of a table, rather walks the whole workspace in that order.
DROP INDEX message_of;
CREATE INDEX message_of ON message (workspace, customer, created_at, id) WHERE customer <> '';
DROP INDEX message_from;
CREATE INDEX message_from ON message (workspace, event, created_at, id) WHERE event <> '';
DROP INDEX contact_point_by;
CREATE INDEX contact_point_by ON contact_point (workspace, kind, address_index, customer);
