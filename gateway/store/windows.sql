-- Accounts of windows of time, and buckets of rates; and from when on (milliseconds since 1970) nobody asks for them: so
-- they can be forgotten. A bucket may have been used since.

CREATE TABLE windows (
    account TEXT PRIMARY KEY,
    over    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX windows_over ON windows (over);
