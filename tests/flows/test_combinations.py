"""Era x era x transport x transport: whatever the two sides of a gateway speak, everything gets through.

`toolgate serve` with four servers behind it, which are the same but for how they are reached and what they speak. Each
of its two transports is used by clients of both eras. What is checked: `tests/fixtures/combinations.py`. The table at
the end of the test run shows all of it, also what a client sees that talks to the server itself.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from tests.fixtures.combinations import CALL_TIMEOUT, Seat, checked
from tests.fixtures.everything.starting import ROOT, command, everything, served_url
from tests.fixtures.lines import over_http, over_stdio
from tests.fixtures.peer import Era, Peer
from tests.fixtures.project import Project
from tests.fixtures.table import TABLE

Outcomes = Mapping[str, Mapping[str, str]]
Way = tuple[str, Era]

WAYS: tuple[Way, ...] = (("stdio", "modern"), ("stdio", "legacy"), ("http", "modern"), ("http", "legacy"))
SERVERS = {f"{transport}-{era}": (transport, era) for transport, era in WAYS}


def row(server: str, way: Way) -> str:
    return f"{server} -> {way[0]}-{way[1]}"


async def through_the_gateway(way: Way, folder: Path) -> Outcomes:
    """All servers at once, reached in one way."""
    with contextlib.ExitStack() as servers:
        entries = {name: servers.enter_context(everything(*how, scheme=name)) for name, how in SERVERS.items()}
        words = "".join(f"[servers.{name}]\ncall_timeout = {CALL_TIMEOUT}\n" for name in SERVERS)
        project = Project.of(folder / "project", entries, words)
        async with clients(way, project) as (peer, other), directs() as direct:
            seats = {
                row(name, way): Seat(peer, other, direct[era], f"{name}-{way[0]}-{way[1]}", f"{name}__", name)
                for name, (_, era) in SERVERS.items()
            }
            outcomes = await asyncio.gather(*map(checked, seats.values()))
            return dict(zip(seats, outcomes, strict=True))


@contextlib.asynccontextmanager
async def clients(way: Way, project: Project) -> AsyncIterator[tuple[Peer, Peer]]:
    """Two clients of the gateway; over stdio there is only one."""
    transport, era = way
    if transport == "stdio":
        with (project.folder / "log").open("ab") as log:
            async with over_stdio(project.command("serve", "--stdio"), era, log) as peer:
                yield peer, peer
        return
    with project.serve() as gateway:
        async with over_http(gateway.url, era) as peer, over_http(gateway.url, era) as other:
            yield peer, other


@contextlib.asynccontextmanager
async def directs() -> AsyncIterator[Mapping[Era, Peer]]:
    """Clients of a server, without a gateway."""
    with served_url() as url:
        async with over_http(url, "modern") as modern, over_http(url, "legacy") as legacy:
            yield {"modern": modern, "legacy": legacy}


async def without_a_gateway(way: Way, folder: Path) -> Outcomes:
    transport, era = way
    async with directs() as direct:
        if transport == "http":
            with served_url(era) as url:
                async with over_http(url, era) as peer, over_http(url, era) as other:
                    return {row("itself", way): await checked(Seat(peer, other, direct[era], "itself", limited=False))}
        with (folder / "log").open("ab") as log:
            async with over_stdio(command("stdio", "--era", era), era, log, ROOT) as peer:
                return {row("itself", way): await checked(Seat(peer, peer, direct[era], "itself", limited=False))}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Way], Mapping[str, str]]:
    """What became of the checks of one row; all servers that are reached in this way are looked at together."""

    def found(server: str, way: Way) -> Mapping[str, str]:
        name = row(server, way)
        if name not in TABLE.rows:
            look = without_a_gateway if server == "itself" else through_the_gateway
            TABLE.rows |= asyncio.run(look(way, tmp_path_factory.mktemp("combinations")))
        return TABLE.rows[name]

    return found


def named(value: object) -> str:
    return "-".join(value) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize("server", ["itself", *SERVERS])
@pytest.mark.parametrize("way", WAYS, ids=named)
def test_everything_gets_through(server: str, way: Way, outcomes: Callable[[str, Way], Mapping[str, str]]) -> None:
    wrong = {name: outcome for name, outcome in outcomes(server, way).items() if outcome not in ("ok", "-")}
    assert not wrong, "\n".join(f"{name}: {outcome}" for name, outcome in wrong.items())
