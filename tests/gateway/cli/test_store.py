"""`toolgate store`: a real command line, over a file and over PostgreSQL."""

import gzip
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.fixtures.stores import execute, tables
from tests.gateway.cli.conftest import Command

KEPT = Path(__file__).parents[2] / "fixtures" / "upgrades" / "v17.sql.gz"


def add_key(toolgate: Command) -> None:
    assert toolgate("keys", "create", "--user", "user:ann").code == 0


@pytest.fixture
def project(bare: Path, database: Callable[[], str | None]) -> Path:
    url = database()
    if url is not None:
        before = (bare / "toolgate.toml").read_text()
        (bare / "toolgate.toml").write_text(f'store = "{url}"\n{before}')
    return bare


def test_its_place_version_and_rows_are_told(project: Path, toolgate: Command) -> None:
    add_key(toolgate)
    told = toolgate("store", "status", "--json").json
    assert told["rows"]["api_keys"] == 1
    assert told["rows"]["runs"] == 0
    assert str(told["version"]) in toolgate("store", "status").out.splitlines()[0]
    assert told["place"] in toolgate("store", "migrate").err


def test_a_back_up_goes_into_a_new_file_and_into_an_empty_store(project: Path, toolgate: Command) -> None:
    add_key(toolgate)
    copy = project / "copy.jsonl"
    made = toolgate("store", "backup", str(copy))
    assert (made.code, stat.S_IMODE(copy.stat().st_mode)) == (0, 0o600), made.err
    again = toolgate("store", "backup", str(copy))
    assert (again.code, "can't be written: File exists" in again.err) == (1, True)
    assert "the store is not empty" in toolgate("store", "restore", str(copy)).err
    (project / "toolgate.toml").write_text('store = "sqlite:///new.db"\n')
    done = toolgate("store", "restore", str(copy), "--json")
    assert (done.code, done.json["place"]) == (0, str(project / "new.db"))
    assert toolgate("store", "status", "--json").json["rows"]["api_keys"] == 1


def test_a_project_that_has_not_run_anything_has_no_store_and_gets_none(bare: Path, toolgate: Command) -> None:
    for command in (("status",), ("backup", str(bare / "copy"))):
        done = toolgate("store", *command)
        assert (done.code, "there is no store yet" in done.err) == (1, True)
    assert not (bare / "copy").exists()
    assert not (bare / ".toolgate" / "toolgate.db").exists()


@pytest.fixture
def old(bare: Path) -> Path:
    """The store of version 17, as a gateway that is still running may be using it."""
    path = bare / ".toolgate" / "toolgate.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(gzip.decompress(KEPT.read_bytes()).decode())
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("doctor", 0),
        ("store status", 0),
        ("store backup copy.jsonl", 0),
        ("store prune --older-than 1d --dry-run", 0),
        ("policy status", 0),
        ("policy versions", 0),
        ("policy show 0", 1),
        ("policy check", 0),
        ('policy explain --offline --tool echo/add --args {"a":1,"b":2}', 0),
        ("policy explain --offline --run r-39c57a7320dfe976", 0),
        ("policy suggest", 0),
    ],
)
def test_who_only_looks_leaves_the_store_to_the_gateway_that_uses_it(
    old: Path, toolgate: Command, command: str, code: int
) -> None:
    before = tables(old)
    done = toolgate(*command.split())
    assert done.code == code, done.out + done.err
    assert tables(old) == before
    assert execute(old, "PRAGMA user_version") == [(17,)]


def test_the_version_that_it_has_is_told_and_one_command_brings_it_to_ours(old: Path, toolgate: Command) -> None:
    assert toolgate("store", "status", "--json").json["version"] == 17
    assert toolgate("store", "backup", "copy.jsonl").code == 0
    assert '"version":17' in (old.parents[1] / "copy.jsonl").read_text().splitlines()[0]
    ours = toolgate("store", "migrate", "--json").json["version"]
    assert execute(old, "PRAGMA user_version") == [(ours,)]
    assert toolgate("store", "status", "--json").json["version"] == ours > 17
