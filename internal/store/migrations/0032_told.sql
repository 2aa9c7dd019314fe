-- That a message was sent is told by its delivery that arrived: nothing is written to
-- the message for it, and what kept its row's size has no use.
ALTER TABLE message DROP COLUMN filler;
--postgres ALTER TABLE message RESET (fillfactor);
