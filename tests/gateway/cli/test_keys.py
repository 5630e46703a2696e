"""`toolgate keys`: shown once, listed without the secret, revoked by id."""

import re
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.cli.conftest import Command


def create(toolgate: Command, *more: str) -> Any:
    made = toolgate("keys", "create", "--user", "user:ann", "--json", *more)
    assert made.code == 0, made.err
    return made.json


def test_a_key_is_shown_once_and_only_its_hash_is_kept(bare: Path, toolgate: Command) -> None:
    made = toolgate("keys", "create", "--user", "ann", "--tenant", "globex", "--name", "laptop", "--expires", "90d")
    assert made.code == 0
    key = made.out.strip()
    assert re.fullmatch(r"tg_[0-9a-f]{12}_[0-9a-f]{64}", key)
    assert key.split("_")[2] not in made.err
    listed = toolgate("keys", "list")
    assert listed.out.split()[:4] == [key.split("_")[1], "user:ann", "globex", "good,"]
    assert "in 89 d 23 h" in listed.out
    assert key.split("_")[2] not in listed.out + toolgate("keys", "list", "--json").out
    store = bare / ".toolgate" / "toolgate.db"
    assert not any(key.split("_")[2].encode() in file.read_bytes() for file in store.parent.iterdir())
    assert stat.S_IMODE(store.stat().st_mode) == 0o600


def test_the_tenant_is_the_configured_one_unless_another_is_named(bare: Path, toolgate: Command) -> None:
    assert create(toolgate)["tenant"] == "acme"
    assert create(toolgate, "--tenant", "globex")["tenant"] == "globex"


def test_json_has_everything_but_the_hash(bare: Path, toolgate: Command) -> None:
    made = create(toolgate, "--scope", "use", "--scope", "more", "--scope", "use")
    assert made.pop("key").startswith(f"tg_{made['id']}_")
    assert made["scopes"] == ["use", "more"]
    (listed,) = toolgate("keys", "list", "--json").json
    assert listed == made | {"good": True}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--user", "role:admin"), ("--user", "team:ops"), ("--user", "agent:x"), ("--user", "*"), ("--user", "a,b"),
        ("--user", ""), ("--user", "user:role:admin"), ("--tenant", "*"), ("--tenant", "a b"), ("--tenant", "a:b"),
        ("--tenant", ""),
        ("--scope", "a b"), ("--scope", 'a"b'), ("--scope", ""), ("--expires", "90"), ("--expires", "-1d"),
        ("--expires", "0d"), ("--expires", "10000d"), ("--expires", ""),
    ],
)  # fmt: skip
def test_what_no_policy_could_mean_is_refused_and_nothing_is_kept(
    bare: Path, toolgate: Command, option: str, value: str
) -> None:
    refused = toolgate("keys", "create", "--user", "user:ann", option, value)
    assert refused.code == 2
    assert option in refused.err
    assert refused.out == ""
    assert toolgate("keys", "list", "--json").json == []


def test_a_revoked_key_stays_in_the_list(bare: Path, toolgate: Command) -> None:
    made = create(toolgate)
    assert toolgate("keys", "revoke", made["id"][:8]).code == 0
    assert "revoked" in toolgate("keys", "list").out
    again = toolgate("keys", "revoke", made["id"], "--json")
    assert again.json["revoked"] == toolgate("keys", "list", "--json").json[0]["revoked"]


@pytest.mark.parametrize(("key_id", "code"), [("", 2), ("abc", 2), ("ffffffffffff", 1)])
def test_only_a_key_that_is_there_can_be_revoked(bare: Path, toolgate: Command, key_id: str, code: int) -> None:
    made = create(toolgate)
    assert toolgate("keys", "revoke", key_id).code == code
    (listed,) = toolgate("keys", "list", "--json").json
    assert (listed["id"], listed["good"]) == (made["id"], True)


def test_a_broken_policy_keeps_no_key_from_being_revoked(bare: Path, toolgate: Command) -> None:
    made = create(toolgate)
    (bare / "policies" / "policy.csv").write_text("nonsense")
    assert toolgate("keys", "revoke", made["id"]).code == 0


def test_a_key_that_would_do_nothing_is_made_with_a_note(bare: Path, toolgate: Command) -> None:
    assert "set `api_keys = true`" in toolgate("keys", "create", "--user", "ann").err
    file = bare / "toolgate.toml"
    file.write_text(file.read_text() + '[serve]\napi_keys = true\nscopes = ["use"]\n')
    assert "lacks what `serve.scopes` asks for at /mcp: use" in toolgate("keys", "create", "--user", "ann").err
    assert "note" not in toolgate("keys", "create", "--user", "ann", "--scope", "use", "--scope", "approvals").err
    assert "nothing asks for sue:" in toolgate("keys", "create", "--user", "ann", "--scope", "sue").err


def test_an_expired_key_says_since_when(bare: Path, toolgate: Command) -> None:
    made = create(toolgate)
    with closing(sqlite3.connect(bare / ".toolgate" / "toolgate.db", isolation_level=None)) as db:
        db.execute("UPDATE api_keys SET expires = 1 WHERE id = ?", (made["id"],))
    assert "expired" in toolgate("keys", "list").out


def test_no_key_is_said(bare: Path, toolgate: Command) -> None:
    empty = toolgate("keys", "list")
    assert (empty.code, empty.out) == (0, "")
    assert "toolgate keys create" in empty.err
