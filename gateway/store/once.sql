-- What was good for one time, and has been used: forgotten when nobody takes it any more.

CREATE TABLE once (
    token TEXT PRIMARY KEY,
    until INTEGER NOT NULL
) WITHOUT ROWID;
