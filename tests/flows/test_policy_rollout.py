"""A policy rolled out to gateways that serve: `toolgate serve` and `toolgate policy` as processes."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.store.policies import PolicyBook
from gateway.store.sqlite import SqliteStore
from tests.fixtures.served import Gateway, Wire, text_of
from tests.fixtures.serving import Project
from tests.flows.test_login import ECHO_ENTRY

MANY = [f"p, *, *, echo/t{number}, call, , deny, no" for number in range(9)]
ALLOW = "p, *, *, echo/*, call, , allow, may"
DENY = "p, *, *, echo/echo, call, , deny, not this one"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = Project(tmp_path)
    found.write("", {"echo": ECHO_ENTRY}, *MANY, ALLOW)
    return found


def edit(project: Project, *lines: str) -> None:
    (project.folder / "policies" / "policy.csv").write_text("".join(f"{line}\n" for line in lines))


def give(project: Project, *command: str) -> "subprocess.CompletedProcess[str]":
    return project.give("policy", *command)


def status(project: Project) -> Any:
    return json.loads(give(project, "status", "--json").stdout)


@pytest.fixture
def book(project: Project) -> Iterator[PolicyBook]:
    """What the gateways say of themselves, read without a process: quick enough to look again and again."""
    store = SqliteStore(project.folder / ".toolgate" / "toolgate.db")
    yield store.policies(project.folder / "policies" / "policy.csv")
    store.close()


def says(client: Wire) -> str:
    return text_of(client.call("echo__echo", {"text": "hi"}))


def test_two_gateways_take_an_edit_refuse_a_broken_one_and_go_on_after_a_restart(
    project: Project, book: PolicyBook
) -> None:
    with project.serve() as first, project.serve() as second:
        first.until(lambda: len(book.replicas()) == 2)
        edit(project, *MANY, ALLOW, DENY)
        assert give(project, "reload").returncode == 0
        now = status(project)
        digest = now["in_force"]["digest"]
        assert [it["digest"] for it in now["processes"]] == [digest] * 2
        assert now["in_force"]["how"] == "edited"
        edit(project, *MANY, ALLOW, "P, broken")
        first.until(lambda: all(it.problem for it in book.replicas()))
        told = give(project, "status")
        assert told.returncode == 3
        assert "policies/policy.csv:11:1: error: unknown line type `P`" in told.stdout
        assert "policies/policy.csv:11:1: error: unknown line type `P`" in project.log
        with first.client("modern") as client:
            assert "not this one" in says(client)
        ready = first_ready(first)
        assert ready["policy"] == "an edit is refused, the last good policy is in force"
        second.kill()
        assert [it["alive"] for it in status(project)["processes"]].count(False) == 1
        with project.serve() as third:
            third.until(lambda: len(book.replicas()) == 3)
            assert {it.digest for it in book.replicas()} == {digest}
            with third.client("modern") as client:
                assert "not this one" in says(client)
        edit(project, *MANY, ALLOW)
        with first.client("modern") as client:
            assert says(client) == "hi"


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_an_edit_of_either_kind_counts_for_the_very_next_call_and_list(project: Project, era: str) -> None:
    """Written in place, as an editor may; and the next request comes at once."""
    with project.serve() as gateway, gateway.client(era) as client:
        for _ in range(3):
            edit(project, *MANY, ALLOW, DENY)
            assert "not this one" in says(client)
            edit(project, *MANY, ALLOW)
            assert says(client) == "hi"
        edit(project, *MANY)
        assert client.ask("tools/list")["result"]["tools"] == []
        edit(project, *MANY, ALLOW)
        assert "echo__echo" in [tool["name"] for tool in client.ask("tools/list")["result"]["tools"]]


def first_ready(gateway: Gateway) -> Any:
    with gateway.client("modern") as client:
        return client.http.get(gateway.url.replace("/mcp", "/ready")).json()


def test_a_file_that_was_cut_denies_what_it_denied_until_it_is_forced(project: Project) -> None:
    with project.serve() as gateway, gateway.client("legacy") as client:
        edit(project, *MANY, ALLOW, DENY)
        assert give(project, "reload").returncode == 0
        assert "not this one" in says(client)
        edit(project, ALLOW)
        refused = give(project, "reload")
        assert refused.returncode == 3
        assert "only 1 of the 11 `p` lines in force are left" in refused.stderr
        assert "not this one" in says(client)
        forced = give(project, "reload", "--force")
        assert forced.returncode == 0, forced.stderr
        assert says(client) == "hi"
        assert give(project, "rollback").returncode == 0
        assert "not this one" in says(client)
        hows = [it["how"] for it in json.loads(give(project, "versions", "--json").stdout)]
        assert hows == ["rolled back", "forced", "edited", "started"]


def test_a_candidate_is_seen_on_real_calls_and_promoted_by_one_command(project: Project, book: PolicyBook) -> None:
    (project.folder / "new.csv").write_text("".join(f"{line}\n" for line in (*MANY, ALLOW, DENY)))
    with project.serve() as gateway, gateway.client("modern") as client:
        assert give(project, "shadow", str(project.folder / "new.csv")).returncode == 0
        gateway.until(lambda: any(it.candidate for it in book.replicas()))
        assert [says(client) for _ in range(3)] == ["hi"] * 3
        gateway.until(lambda: book.tally().seen == 3)
        (found,) = json.loads(give(project, "shadow", "status", "--json").stdout)["differences"]
        wanted = ("echo/echo", "allow", "policies/policy.csv:10", "deny", "policies/policy.csv:11", 3, '{"text": "hi"}')
        names = ("tool", "old", "old_line", "new", "new_line", "count", "sample")
        assert tuple(found[name] for name in names) == wanted
        promoted = give(project, "promote")
        assert promoted.returncode == 0, promoted.stderr
        assert "not this one" in says(client)
        now = status(project)
        assert (now["in_force"]["how"], now["candidate"]) == ("promoted", None)
