-- Mergers and erasures look for the handles of one customer.
CREATE INDEX handle_of ON handle (workspace, customer);
