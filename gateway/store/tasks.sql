-- Tasks that servers made of calls: whose they are, and whether their outcome has been recorded.

CREATE TABLE tasks (
    id          TEXT PRIMARY KEY,
    run_id      TEXT NOT NULL,
    key         TEXT NOT NULL,
    user        TEXT NOT NULL,
    agent       TEXT,
    tenant      TEXT NOT NULL,
    path        TEXT NOT NULL,
    pin         TEXT NOT NULL,
    arguments   TEXT NOT NULL,
    approval_id TEXT,
    theirs      TEXT NOT NULL,
    created     INTEGER NOT NULL,
    done        INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
