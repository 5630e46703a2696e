-- What a webhook has still to be told about approvals: a row for each message, which goes when both were taken.

CREATE TABLE deliveries (
  approval_id TEXT NOT NULL,
  event TEXT NOT NULL,
  tenant TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  due INTEGER NOT NULL,
  done INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (approval_id, event)
) STRICT, WITHOUT ROWID;
