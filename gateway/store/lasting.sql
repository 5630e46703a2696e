-- What lasts beyond one answer: a yes that counts for more calls than one, and who decides for whom who is away.

CREATE TABLE remembered (
    id          TEXT PRIMARY KEY,
    approval_id TEXT NOT NULL,
    by          TEXT NOT NULL,
    user        TEXT NOT NULL,
    agent       TEXT,
    tenant      TEXT NOT NULL,
    path        TEXT NOT NULL,
    action      TEXT NOT NULL,
    pin         TEXT NOT NULL,
    server_pin  TEXT NOT NULL,
    arguments   TEXT NOT NULL,
    fields      TEXT NOT NULL,
    scope       TEXT NOT NULL,
    place       TEXT NOT NULL,
    created     INTEGER NOT NULL,
    until       INTEGER NOT NULL,
    uses        INTEGER NOT NULL DEFAULT 0,
    revoked     INTEGER,
    revoked_by  TEXT
) WITHOUT ROWID;
CREATE INDEX remembered_by_call ON remembered (tenant, user, path);

CREATE TABLE delegations (
    id         TEXT PRIMARY KEY,
    absent     TEXT NOT NULL,
    deputy     TEXT NOT NULL,
    tenant     TEXT NOT NULL,
    created    INTEGER NOT NULL,
    until      INTEGER NOT NULL,
    revoked    INTEGER,
    revoked_by TEXT
) WITHOUT ROWID;
CREATE INDEX delegations_by_deputy ON delegations (tenant, deputy);
