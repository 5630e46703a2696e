-- Runs that were ended by somebody else while they were driven, until nothing is under way in them any more;
-- `gateway.store.gone` says who sees to that. `noticed` is when the lease was first found to be over.

CREATE TABLE unsettled (
    run_id  TEXT PRIMARY KEY,
    noticed INTEGER
) WITHOUT ROWID;

INSERT INTO unsettled (run_id) SELECT id FROM runs WHERE status = 'cancelled' AND owner IS NOT NULL;
