"""Three gateways, each with its own folder, as on three machines, and one PostgreSQL: what they promise, they promise
together. And what a gateway does while the database is away.
"""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.errors import StoreError
from gateway.events import Returned
from gateway.store.postgres import commits
from tests.fixtures import forked
from tests.fixtures.parts import ANN, arrivals, opened, tally
from tests.fixtures.postgres import Server
from tests.fixtures.project import Project
from tests.fixtures.served import ECHO, PATIENCE, Wire, approval_in
from tests.fixtures.stores import execute, put_into

POLICY = """\
p, *, *, echo/*,    call,    , allow, sums are free
p, *, *, echo/echo, call,    , ask,   people look at it
p, user:bob, *, */*, approve, , allow, bob decides
"""
BUDGETS = '[budgets.b]\neach = "subject"\ntool = "echo/add"\ntool_calls = 10\nper = "day"\n'
SETTINGS = 'store = "{url}"\n[identity]\nuser = "user:ann"\n[servers.echo]\ntrusted = true\n'


@dataclass(frozen=True)
class Replicas:
    url: str
    projects: list[Project]
    wires: list[Wire]

    def command(self, number: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A command of `toolgate` on one of the machines."""
        name, *rest = arguments
        command = self.projects[number].command(name, *rest)
        return forked.run(command, timeout=PATIENCE)


@pytest.fixture
def replicas(postgres: Server, tmp_path: Path) -> Iterator[Replicas]:
    url, projects = postgres.emptied(), list[Project]()
    echo = {key: value for key, value in ECHO.items() if key != "trusted"}  # which is said in toolgate.toml
    with ExitStack() as opened:
        for number in range(3):
            project = Project.of(tmp_path / str(number), {"echo": echo}, SETTINGS.format(url=url), POLICY)
            (project.folder / "policies" / "budgets.toml").write_text(BUDGETS)
            projects.append(project)
        with ThreadPoolExecutor(3) as starting:
            gateways = list(starting.map(lambda project: opened.enter_context(project.serve()), projects))
        http = opened.enter_context(httpx2.Client(timeout=PATIENCE))
        yield Replicas(url, projects, [Wire(gateway.url, "modern", http) for gateway in gateways])


def test_three_gateways_keep_one_limit_and_share_what_people_answer(replicas: Replicas) -> None:
    within_the_limit(replicas)
    agreed_once(replicas)


def within_the_limit(replicas: Replicas) -> None:
    """Of 200 parallel calls against a limit of 10 exactly 10 are made."""

    def call(number: int) -> Any:
        return replicas.wires[number % 3].call("echo__add", {"a": number, "b": 1})

    with ThreadPoolExecutor(40) as crowd:
        answers = list(crowd.map(call, range(200)))
    refused = [answer for answer in answers if answer.get("isError")]
    assert (len(answers) - len(refused), len(refused)) == (10, 190)
    assert all("budget `b`" in answer["content"][0]["text"] for answer in refused)
    rows = execute(replicas.url, "SELECT unit, used, reserved FROM accounts WHERE account LIKE 'budget:b|%'")
    assert rows == [("tool_calls", 10, 0)]


def agreed_once(replicas: Replicas) -> None:
    """A call that one gateway held is agreed to on the second machine, and made by the third, once."""
    first, second, third = replicas.wires
    held = first.call("echo__echo", {"text": "hi"})
    asked = approval_in(held)
    assert [line["id"] for line in json.loads(replicas.command(1, "approvals", "--json").stdout)] == [asked]
    done = replicas.command(1, "approve", asked, "--as", "user:bob")
    assert done.returncode == 0, done.stderr
    assert "isError" not in third.call("echo__echo", {"text": "hi"})
    for wire in (first, second, third):
        assert approval_in(wire.call("echo__echo", {"text": "hi"})) != asked  # it is used up
    rows = execute(replicas.url, f"SELECT state FROM approvals WHERE id = '{asked}'")  # noqa: S608 - our own id
    assert rows == [("consumed",)]


def test_while_the_database_is_away_nothing_is_sent_and_afterwards_all_goes_on(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "BUSY_SECONDS", 0.2)

    async def scenario() -> None:
        folder = put_into(tmp_path / "gateway", postgres.emptied())
        async with opened(folder, tally(folder)) as stage, stage.clients().run(ANN, "an editor") as client:
            assert isinstance(await client.call("desk__put", {"word": "a"}), Returned)
            await asyncio.to_thread(postgres.stop)
            try:
                with pytest.raises(StoreError, match="the store"):
                    await client.call("desk__put", {"word": "b"})
            finally:
                await asyncio.to_thread(postgres.start)
            assert isinstance(await client.call("desk__put", {"word": "c"}), Returned)
        assert [one["arguments"] for one in arrivals(folder, "put")] == [{"word": "a"}, {"word": "c"}]

    asyncio.run(scenario())
