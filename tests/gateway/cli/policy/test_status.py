"""What `toolgate policy status` says."""

import asyncio
import getpass
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.policy.replica import Replica
from gateway.store.lease import machine
from gateway.store.sqlite import SqliteStore
from tests.gateway.cli.conftest import Command


def without_names(value: Any) -> Any:
    """Who runs the tests is nobody's affair."""
    text = value if isinstance(value, str) else None
    if text is not None:
        return "somebody" if text == getpass.getuser() else text
    if isinstance(value, dict):
        return {key: without_names(item) for key, item in value.items()}
    return [without_names(item) for item in value] if isinstance(value, list) else value


def reported(folder: Path, replica_id: str, *, silent: bool = False) -> None:
    """A process that has reported."""
    place, now = folder / "policies" / "policy.csv", time.time_ns() // 1_000_000
    store = SqliteStore(folder / ".toolgate" / "toolgate.db")
    at = now - 60_000 if silent else now
    replica = Replica(replica_id, str(place), "serve", at, "ab" * 32, at, at, None, None)
    asyncio.run(store.policies(place).report(replica))
    store.close()


def test_before_anything_was_in_force_it_says_so(bare: Path, toolgate: Command) -> None:
    status = toolgate("policy", "status")
    assert status.code == 0
    assert status.out.splitlines()[0] == "in force   nothing yet: no process has used this policy"
    assert "not taken yet" in status.out
    assert "processes  none has reported" in status.out


def test_what_keeps_the_files_from_being_in_force_is_told_with_its_place(
    bare: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    toolgate("policy", "reload")
    file = bare / "policies" / "policy.csv"
    file.write_text(file.read_text() + "p, *, *, echo/*, call, , Deny, no\n")
    status = toolgate("policy", "status")
    assert status.code == 3
    assert "unknown effect `Deny`" in status.out
    assert "policies/policy.csv:" in status.out
    assert "refused" in status.out
    as_json = toolgate("policy", "status", "--json")
    assert as_json.code == 3
    golden("cli_policy_status", without_names(as_json.json))


def test_who_runs_what_and_who_is_dead(bare: Path, toolgate: Command) -> None:
    toolgate("policy", "reload")
    host = machine()
    reported(bare, f"elsewhere/{os.getpid()}/00.01")
    reported(bare, f"{host}/{2**22 + 5}/00.02")  # no process has so high a number
    reported(bare, "elsewhere/7/00.03", silent=True)
    lines = [line for line in toolgate("policy", "status").out.splitlines() if line.startswith("serve")]
    assert [("dead" in line, line.split()[1]) for line in lines] == [
        (True, "elsewhere/7"),
        (False, f"elsewhere/{os.getpid()}"),
        (True, f"{host}/{2**22 + 5}"),
    ]
    alive = [it["alive"] for it in toolgate("policy", "status", "--json").json["processes"]]
    assert alive == [False, True, False]


def test_a_policy_that_lost_most_of_its_lines_is_refused_here_as_by_a_gateway(bare: Path, toolgate: Command) -> None:
    file = bare / "policies" / "policy.csv"
    file.write_text("".join(f"p, *, *, echo/t{number}, call, , deny, no\n" for number in range(9)))
    toolgate("policy", "reload")
    file.write_text("p, *, *, */*, call, , allow, all\n")
    status = toolgate("policy", "status")
    assert status.code == 3
    assert "only 1 of the 9 `p` lines in force are left" in status.out
