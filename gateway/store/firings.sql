-- When each schedule has fired last, or was seen first.

CREATE TABLE firings (
  schedule TEXT PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
