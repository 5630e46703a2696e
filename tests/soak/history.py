"""What a store in PostgreSQL notes of itself, by triggers: each change of a lease, each event, as they are committed,
and by whose connection. `tests.soak.ownership` goes through it.

Whoever is to be told apart says his name in the URL (`named`). Writers of a store come one after the other, so a number
that is drawn within a commit is in the order of the commits; if they did not, the commits would lie within each other.
"""

import contextlib
import json
from collections.abc import Iterator

import psycopg

from gateway.store.postgres.store import PostgresStore
from tests.soak.ownership import Line

__all__ = ["history", "named", "noted"]

# The names begin as those of the store's own books do: back-ups leave them out.
_TABLE = """
CREATE TABLE store_history (
  number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  by TEXT DEFAULT current_setting('application_name'),
  xact TEXT DEFAULT pg_current_xact_id()::text,
  at BIGINT DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
  run_id TEXT, owner TEXT, epoch BIGINT, until BIGINT, seq BIGINT, told TEXT
);
CREATE FUNCTION store_note_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO store_history (run_id, owner, epoch, until) VALUES (NEW.id, NEW.owner, NEW.epoch, NEW.lease_until);
  RETURN NULL;
END $$;
CREATE FUNCTION store_note_event() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO store_history (run_id, seq, told) VALUES (NEW.run_id, NEW.seq, NEW.body);
  RETURN NULL;
END $$;
CREATE TRIGGER noted AFTER UPDATE OF owner, epoch, lease_until ON runs
  FOR EACH ROW EXECUTE FUNCTION store_note_lease();
CREATE TRIGGER noted AFTER INSERT OR UPDATE ON events FOR EACH ROW EXECUTE FUNCTION store_note_event();
"""
_LINES = "SELECT by, xact, at, run_id, owner, epoch, until, seq, told FROM store_history ORDER BY number"


def noted(url: str) -> str:
    """The store there notes its history from now on; it is made if it is not there."""
    PostgresStore(url).close()
    with contextlib.closing(psycopg.connect(url, autocommit=True)) as db:
        db.execute(_TABLE)
    return url


def named(url: str, name: str) -> str:
    """For somebody with this name."""
    return f"{url}&application_name={name}"


def history(url: str) -> Iterator[Line]:
    with contextlib.closing(psycopg.connect(url)) as db, db.cursor(name="lines") as lines:
        for by, commit, at, run_id, owner, epoch, until, seq, told in lines.execute(_LINES):
            lease = (owner, epoch or 0, until or 0)
            yield Line(by, int(commit), at, run_id, *lease, seq or 0, json.loads(told) if told else None)
