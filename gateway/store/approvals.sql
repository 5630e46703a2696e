-- Approvals: what else a question is bound to, everything that anybody said to it, and what came of it.

ALTER TABLE approvals ADD COLUMN session TEXT NOT NULL DEFAULT '';
ALTER TABLE approvals ADD COLUMN server_pin TEXT NOT NULL DEFAULT '';
ALTER TABLE approvals ADD COLUMN needs INTEGER NOT NULL DEFAULT 1;
ALTER TABLE approvals ADD COLUMN escalate_to TEXT;
ALTER TABLE approvals ADD COLUMN escalates INTEGER;
ALTER TABLE approvals ADD COLUMN decisions TEXT NOT NULL DEFAULT '[]';
ALTER TABLE approvals ADD COLUMN asked_for TEXT;
ALTER TABLE approvals ADD COLUMN risk TEXT NOT NULL DEFAULT '[]';
ALTER TABLE approvals ADD COLUMN schema TEXT;
ALTER TABLE approvals ADD COLUMN preview_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE approvals ADD COLUMN consumed_at INTEGER;
ALTER TABLE approvals ADD COLUMN result_digest TEXT;

-- SQLite only: what had been answered before
UPDATE approvals SET decisions = json_array(json_object(
    'by', decided_by, 'at', coalesce(decided_at, created), 'decision', iif(state = 'denied', 'denied', 'approved'),
    'comment', reason, 'digest', digest))
WHERE decided_by LIKE 'user:%' AND state IN ('approved', 'denied', 'consumed', 'cancelled');

CREATE INDEX approvals_by_call ON approvals (digest, created);
CREATE INDEX approvals_by_path ON approvals (path, created);
