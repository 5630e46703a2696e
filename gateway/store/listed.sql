-- Runs are listed by what is asked of them, however many there are.

CREATE INDEX runs_by_status ON runs (status, created);
CREATE INDEX runs_by_tenant ON runs (tenant, created);
CREATE INDEX runs_by_user ON runs (user, created);
CREATE INDEX runs_by_agent ON runs (agent, created) WHERE agent IS NOT NULL;
