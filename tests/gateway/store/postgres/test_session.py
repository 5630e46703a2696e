"""One connection to a real PostgreSQL."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator

import psycopg
import pytest

from gateway.errors import StoreError
from gateway.store.postgres.address import address
from gateway.store.postgres.session import Session
from tests.fixtures.postgres import Server


@pytest.fixture
def session(url: str) -> Iterator[Session]:
    with contextlib.closing(Session(address(url))) as opened:
        opened.script("CREATE TABLE t (n BIGINT PRIMARY KEY, text TEXT)")
        yield opened


def test_it_speaks_our_sql(session: Session) -> None:
    session.executemany("INSERT INTO t (n, text) VALUES (?, ?)", [(1, "a%"), (2, "?")])
    assert session.execute("UPDATE t SET n = n + :more WHERE text LIKE 'a%'", {"more": 2**40}).rowcount == 1
    assert session.execute("SELECT n, text FROM t ORDER BY n").fetchall() == [(2, "?"), (2**40 + 1, "a%")]
    session.executemany("DELETE FROM t WHERE n = ?", [(2**40 + 1,), (7,)])
    assert session.execute("SELECT count(*) FROM t").fetchone() == (1,)
    assert session.execute("SELECT sum(n) FROM t WHERE text = ?", ("?",)).fetchone() == (2,)
    assert isinstance(session.execute("SELECT sum(n) FROM t").fetchone()[0], int)


def test_true_is_one(session: Session) -> None:
    session.execute("INSERT INTO t VALUES (?, ?)", (True, None))
    session.execute("INSERT INTO t VALUES (?, ?)", (False, None))
    assert session.execute("SELECT n FROM t ORDER BY n").fetchall() == [(0,), (1,)]


def test_several_statements_in_one_message_give_the_rows_of_the_last(session: Session) -> None:
    assert session.script("SELECT 1; SELECT 2, 3; INSERT INTO t VALUES (1)") == [(2, 3)]
    assert session.script("CREATE TABLE u (a INT)") == []


def test_rows_are_fetched_some_at_a_time(session: Session) -> None:
    session.executemany("INSERT INTO t VALUES (?, ?)", [(n, "x") for n in range(500)])
    session.script("BEGIN")
    one, other = session.each("SELECT n FROM t ORDER BY n", ()), session.each("SELECT n FROM t WHERE n > ?", (497,))
    assert next(one) == (0,)
    assert [*other] == [(498,), (499,)]
    assert [n for (n,) in one] == [*range(1, 500)]


def test_every_commit_is_flushed_whatever_the_default_is(postgres: Server, url: str) -> None:
    with contextlib.closing(postgres.connected()) as db:
        for said, used in (("off", "on"), ("local", "local"), ("on", "on")):
            db.execute(f"ALTER ROLE postgres SET synchronous_commit = {said}".encode())
            with contextlib.closing(Session(address(url))) as session:
                assert session.script("SHOW synchronous_commit") == [(used,)]
        db.execute("ALTER ROLE postgres RESET synchronous_commit")


def test_whoever_leaves_others_waiting_is_cut_off(session: Session) -> None:
    assert session.script("SHOW idle_in_transaction_session_timeout") == [("10s",)]
    session.script("SET idle_in_transaction_session_timeout = '10ms'; BEGIN")
    cut = (psycopg.errors.IdleInTransactionSessionTimeout, psycopg.OperationalError)  # the server's words may be lost
    with pytest.raises(cut):
        _until_it_fails(session)
    assert session.lost


def _until_it_fails(session: Session) -> None:
    while True:
        threading.Event().wait(0.05)
        session.script("SELECT 1")


@pytest.mark.parametrize("secret", ["s3cret", "%73%33cret"])
def test_a_wrong_password_is_told_without_the_password(postgres: Server, secret: str) -> None:
    with contextlib.closing(postgres.connected()) as db, contextlib.suppress(psycopg.errors.DuplicateObject):
        db.execute("CREATE ROLE locked LOGIN PASSWORD 'another'")
    url = postgres.url(user=f"locked:{secret}")
    with pytest.raises(StoreError, match=r"can't be opened: .*the password is wrong") as found:
        Session(address(url))
    assert f"postgresql://locked@{postgres.folder}/postgres" in str(found.value)
    assert "cret" not in str(found.value)


def test_a_password_that_is_missing_is_asked_for(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "PGPASSFILE", os.devnull)
    with contextlib.closing(postgres.connected()) as db, contextlib.suppress(psycopg.errors.DuplicateObject):
        db.execute("CREATE ROLE locked LOGIN PASSWORD 'another'")
    with pytest.raises(StoreError, match="give one in PGPASSWORD or"):
        Session(address(postgres.url(user="locked")))


def test_a_database_that_is_not_there_is_told_with_how_to_make_it(postgres: Server) -> None:
    with pytest.raises(StoreError, match=r'database "nowhere" does not exist .*`createdb` makes one'):
        Session(address(postgres.url("nowhere")))


def test_a_server_that_is_not_there_is_told(postgres: Server) -> None:
    with pytest.raises(StoreError, match="nobody answers there"):
        Session(address(f"postgresql://ann@/x?host={postgres.folder}/none"))


def test_a_server_without_tls_is_told_where_tls_is_wanted() -> None:
    """A socket that answers as such a server does: N."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def refuse() -> None:
            peer, _ = door.accept()
            with peer:
                peer.recv(8)
                peer.sendall(b"N")
                peer.recv(1)

        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(StoreError, match="speaks no TLS"):
            Session(address(f"postgresql://ann@127.0.0.1:{door.getsockname()[1]}/x?sslmode=require"))
        thread.join()


def test_a_database_that_keeps_text_otherwise_is_refused(postgres: Server) -> None:
    with contextlib.closing(postgres.connected()) as db:
        db.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        try:
            with pytest.raises(StoreError, match="keeps text as LATIN1, not as UTF8"):
                Session(address(postgres.url("latin")))
        finally:
            db.execute("DROP DATABASE latin WITH (FORCE)")


def test_options_that_the_driver_does_not_know_are_an_error_without_the_url() -> None:
    with pytest.raises(StoreError, match="invalid URI query parameter") as found:
        Session(address("postgresql://ann:s3cret@db/x?nonsense=1"))
    assert "s3cret" not in str(found.value)


def test_what_goes_together_is_one_message_and_fails_at_its_end(session: Session) -> None:
    with session.together("SELECT 1"):
        session.executemany("INSERT INTO t VALUES (?, ?)", [(1, "a")])
        session.executemany("INSERT INTO t VALUES (?, ?)", [(2, "b"), (3, "c")])
    assert session.script("SELECT count(*) FROM t") == [(3,)]
    session.script("BEGIN")
    with pytest.raises(psycopg.errors.UniqueViolation):
        _twice(session)
    session.script("ROLLBACK")
    assert session.script("SELECT count(*) FROM t") == [(3,)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "'",
        "''",
        "\\",
        "\\'",
        "'; DROP TABLE t; --",
        "%s",
        "?",
        "$1",
        "\n\t",
        "ü\u20ac\U0001f600",
        "E'\\x41'",
        '{"a": 1}',
    ],
)
def test_whatever_stands_in_a_text_is_only_text(session: Session, text: str) -> None:
    with session.together("SELECT 1"):
        session.executemany("INSERT INTO t VALUES (?, ?)", [(1, text), (True + 1, None)])
        session.executemany("INSERT INTO t (text, n) VALUES (?, ?)", [(text * 2, -(2**62))])
    rows = session.execute("SELECT n, text FROM t ORDER BY n").fetchall()
    assert rows == [(-(2**62), text * 2), (1, text), (2, None)]


@pytest.mark.parametrize("wrong", ["a\0b", "\ud800", 1.5, b"x"])
def test_what_is_no_text_is_refused_before_anything_is_sent(session: Session, wrong: object) -> None:
    with pytest.raises((psycopg.DataError, UnicodeEncodeError)):
        _both(session, wrong)
    assert session.script("SELECT count(*) FROM t") == [(0,)]
    session.executemany("INSERT INTO t VALUES (?, ?)", [(1, "goes by itself again")])
    assert session.script("SELECT count(*) FROM t") == [(1,)]


def test_a_message_gives_the_first_row_of_its_last_statement(session: Session) -> None:
    assert session.message("SELECT 1; SELECT 2, 'b', NULL") == ["2", "b", ""]
    assert session.message("SELECT 1; DELETE FROM t") == []
    with pytest.raises(psycopg.errors.UndefinedTable):
        session.message("SELECT * FROM nowhere")
    session.close()
    with pytest.raises(psycopg.OperationalError):
        session.message("SELECT 1")


def test_a_message_on_a_connection_that_the_server_has_closed_is_an_error_and_it_is_lost(
    session: Session, url: str
) -> None:
    backend = session.message("SELECT pg_backend_pid()")[0]
    with contextlib.closing(Session(address(url))) as other:
        other.script(f"SELECT pg_terminate_backend({backend}, 30000)")
    with pytest.raises(psycopg.OperationalError):
        session.message("SELECT 1")
    assert session.lost


def _twice(session: Session) -> None:
    with session.together("COMMIT"):
        session.executemany("INSERT INTO t VALUES (?, ?)", [(4, "a")])
        session.executemany("INSERT INTO t VALUES (?, ?)", [(1, "a")])


def _both(session: Session, second: object) -> None:
    with session.together("SELECT 1"):
        session.executemany("INSERT INTO t VALUES (?, ?)", [(1, "fine")])
        session.executemany("INSERT INTO t VALUES (?, ?)", [(2, second)])
