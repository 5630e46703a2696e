-- What each process saw of the servers, and when: a policy can be asked again about calls that were made then. Of a
-- catalogue only what policies look at is kept, once for all processes that saw the same.

CREATE TABLE catalogues (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL
);

CREATE TABLE sightings (
    process   TEXT NOT NULL,
    at        INTEGER NOT NULL,
    catalogue TEXT NOT NULL,
    PRIMARY KEY (process, at)
) WITHOUT ROWID;
