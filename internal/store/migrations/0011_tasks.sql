-- Tasks with what raised them, whose personal data is to be typed, when a person
-- is next reminded, and their history.
CREATE TABLE task_laid (
  workspace  TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  kind       TEXT   NOT NULL,
  ref        TEXT   NOT NULL,
  source     TEXT   NOT NULL,
  customer   TEXT   NOT NULL,
  args       TEXT   NOT NULL,
  count      BIGINT NOT NULL,
  assignee   TEXT   NOT NULL,
  due_at     BIGINT NOT NULL,
  remind_at  BIGINT NOT NULL,
  state      TEXT   NOT NULL CHECK (state IN ('open', 'done')),
  created_at BIGINT NOT NULL,
  raised_at  BIGINT NOT NULL,
  done_at    BIGINT NOT NULL,
  done_by    TEXT   NOT NULL,
  sealed_by  TEXT   NOT NULL,
  sealed     BYTEA,
  PRIMARY KEY (workspace, id)
);
INSERT INTO task_laid SELECT workspace, id, kind, ref, CASE WHEN substr(ref, 1, 4) IN ('acc_', 'msg_', 'rte_', 'evt_', 'cus_') THEN ref ELSE '' END, '',
  args, count, assignee, due_at, CASE state WHEN 'open' THEN due_at ELSE 0 END, state, created_at, created_at, done_at, done_by, '', NULL FROM task;
DROP TABLE task;
ALTER TABLE task_laid RENAME TO task;
CREATE UNIQUE INDEX task_open ON task (workspace, kind, ref) WHERE state = 'open';
CREATE INDEX task_new ON task (workspace, created_at, id);
CREATE INDEX task_remind ON task (remind_at) WHERE remind_at > 0;
CREATE INDEX task_ring ON task (sealed_by) WHERE sealed_by > 'ring:' AND sealed_by < 'ring;';

CREATE TABLE task_line (
  workspace TEXT   NOT NULL,
  id        TEXT   NOT NULL,
  task      TEXT   NOT NULL,
  at        BIGINT NOT NULL,
  actor     TEXT   NOT NULL,
  act       TEXT   NOT NULL,
  detail    TEXT   NOT NULL,
  sealed_by TEXT   NOT NULL,
  sealed    BYTEA,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX task_line_of ON task_line (workspace, task, id);
CREATE INDEX task_line_ring ON task_line (sealed_by) WHERE sealed_by > 'ring:' AND sealed_by < 'ring;';
