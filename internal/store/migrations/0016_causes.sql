-- By what events of one cause find one another: a keyed hash of a value in their
-- data. It goes when their customer is erased.
CREATE TABLE cause (
  workspace TEXT NOT NULL,
  hash      TEXT NOT NULL,
  event     TEXT NOT NULL,
  PRIMARY KEY (workspace, hash, event)
);
CREATE INDEX cause_of ON cause (workspace, event, hash);

-- Which message tells of an event together with others, and of which ones.
CREATE INDEX digest_event_of ON digest_event (workspace, event, digest);
CREATE INDEX digest_told ON digest (workspace, message) WHERE message <> '';
