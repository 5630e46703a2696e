-- Runs that were deleted: whose they were, and what was decided in them, without arguments and answers. `done` is 0 as
-- long as events of them are left.

CREATE TABLE removed (
    run_id  TEXT PRIMARY KEY,
    status  TEXT NOT NULL,
    driver  TEXT NOT NULL,
    user    TEXT NOT NULL,
    tenant  TEXT NOT NULL,
    agent   TEXT,
    created INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    by      TEXT NOT NULL,
    done    INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX removed_at ON removed (at);

CREATE TABLE decisions (
    run_id TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;

CREATE INDEX approvals_by_run ON approvals (run_id);
CREATE INDEX tasks_by_run ON tasks (run_id);
