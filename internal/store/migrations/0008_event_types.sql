-- Types of events that a workspace made for itself, beside the program's own.
CREATE TABLE event_type (
  workspace  TEXT   NOT NULL,
  type       TEXT   NOT NULL,
  names      TEXT   NOT NULL,
  body       TEXT   NOT NULL,
  sample     TEXT   NOT NULL,
  updated_by TEXT   NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, type)
);
