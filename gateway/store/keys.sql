-- Version 2: API keys, of which only a hash is kept.

CREATE TABLE api_keys (
    id      TEXT PRIMARY KEY,
    hash    TEXT NOT NULL,
    user    TEXT NOT NULL,
    tenant  TEXT NOT NULL,
    scopes  TEXT NOT NULL,
    name    TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    revoked INTEGER
) WITHOUT ROWID;
