"""`toolgate store`: a real command line, over a file and over PostgreSQL."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gateway.cli.conftest import Command


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
