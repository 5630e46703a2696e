-- Policies: those that came into force, what was accepted, the candidate and where it differs, and who runs which.
-- `place` is the path of the policy's files: what several gateways share one store for is told apart by it.

CREATE TABLE policy_versions (
    place       TEXT NOT NULL,
    number      INTEGER NOT NULL,
    digest      TEXT NOT NULL,
    how         TEXT NOT NULL,
    by          TEXT NOT NULL,
    at          INTEGER NOT NULL,
    lines       INTEGER NOT NULL,
    restricting INTEGER NOT NULL,
    in_force    INTEGER NOT NULL,
    folder      INTEGER NOT NULL,
    files       TEXT NOT NULL,
    PRIMARY KEY (place, number)
);

CREATE TABLE policy_accepted (
    place  TEXT NOT NULL,
    digest TEXT NOT NULL,
    by     TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (place, digest)
) WITHOUT ROWID;

CREATE TABLE policy_candidates (
    place    TEXT PRIMARY KEY,
    digest   TEXT NOT NULL,
    base     TEXT NOT NULL,
    by       TEXT NOT NULL,
    at       INTEGER NOT NULL,
    folder   INTEGER NOT NULL,
    files    TEXT NOT NULL,
    seen     INTEGER NOT NULL DEFAULT 0,
    differed INTEGER NOT NULL DEFAULT 0,
    failed   INTEGER NOT NULL DEFAULT 0,
    unheard  INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE policy_differences (
    place      TEXT NOT NULL,
    difference TEXT NOT NULL,
    count      INTEGER NOT NULL,
    first      INTEGER NOT NULL,
    last       INTEGER NOT NULL,
    sample     TEXT NOT NULL,
    PRIMARY KEY (place, difference)
);

CREATE TABLE policy_processes (
    id        TEXT PRIMARY KEY,
    place     TEXT NOT NULL,
    kind      TEXT NOT NULL,
    started   INTEGER NOT NULL,
    digest    TEXT NOT NULL,
    since     INTEGER NOT NULL,
    beat      INTEGER NOT NULL,
    problem   TEXT,
    candidate TEXT
) WITHOUT ROWID;
