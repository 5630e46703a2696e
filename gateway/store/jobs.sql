-- Runs that workers are to drive, for as long as they have not ended; `gateway.store.jobs` says what the columns mean.

CREATE TABLE jobs (
  place INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  agent TEXT NOT NULL,
  model TEXT NOT NULL,
  priority INTEGER NOT NULL,
  session TEXT NOT NULL,
  lane TEXT NOT NULL,
  state TEXT NOT NULL,
  ready INTEGER NOT NULL,
  taken INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX jobs_ready ON jobs (lane, place) WHERE state = 'ready' AND taken = 0;
CREATE INDEX jobs_later ON jobs (ready) WHERE state = 'later' AND taken = 0;
CREATE INDEX jobs_taken ON jobs (taken) WHERE taken = 1;
CREATE INDEX jobs_session ON jobs (session, place) WHERE session <> '';

CREATE TABLE turns (
  tenant TEXT PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX turns_last ON turns (last);

CREATE INDEX approvals_expires ON approvals (expires) WHERE state = 'pending';
