-- Conversations that go on from run to run: what the last run of each has left, and which runs stand in its line.

CREATE TABLE sessions (
  tenant TEXT NOT NULL,
  user TEXT NOT NULL,
  name TEXT NOT NULL,
  agent TEXT NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  turns INTEGER NOT NULL DEFAULT 0,
  run_id TEXT,
  memory TEXT,
  PRIMARY KEY (tenant, user, name)
);

CREATE TABLE session_runs (
  run_id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  user TEXT NOT NULL,
  name TEXT NOT NULL,
  place INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_runs_line ON session_runs (tenant, user, name, place);
