-- The tables of a store, version 1. The database holds its version (`migrations`), and migrations only ever add.

CREATE TABLE runs (
    id          TEXT PRIMARY KEY,
    status      TEXT NOT NULL,
    driver      TEXT NOT NULL,
    user        TEXT NOT NULL,
    tenant      TEXT NOT NULL,
    agent       TEXT,
    title       TEXT NOT NULL,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    owner       TEXT,
    epoch       INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX runs_created ON runs (created);

CREATE TABLE events (
    run_id TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;

CREATE TABLE approvals (
    id         TEXT PRIMARY KEY,
    claim      TEXT NOT NULL,
    run_id     TEXT NOT NULL,
    key        TEXT NOT NULL,
    user       TEXT NOT NULL,
    agent      TEXT,
    tenant     TEXT NOT NULL,
    path       TEXT NOT NULL,
    pin        TEXT NOT NULL,
    arguments  TEXT NOT NULL,
    digest     TEXT NOT NULL,
    policy     TEXT NOT NULL,
    rule       TEXT,
    why        TEXT NOT NULL,
    created    INTEGER NOT NULL,
    expires    INTEGER NOT NULL,
    state      TEXT NOT NULL,
    decided_by TEXT,
    decided_at INTEGER,
    reason     TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX approvals_claim ON approvals (claim) WHERE state IN ('pending', 'approved');
CREATE INDEX approvals_by_claim ON approvals (claim, created);
CREATE INDEX approvals_state ON approvals (state, created);

CREATE TABLE accounts (
    account  TEXT NOT NULL,
    unit     TEXT NOT NULL,
    used     INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    PRIMARY KEY (account, unit)
) WITHOUT ROWID;
