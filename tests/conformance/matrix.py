"""Era x era x transport x transport: whatever the two sides of a gateway speak, everything gets through.

    python -m tests.conformance.matrix [--way http-legacy] [--server stdio-modern] [CHECK ...]

`toolgate serve` with four servers behind it, which are the same but for how they are reached and what they speak. Each
of its two transports is used by clients of both eras. What is checked: `tests/fixtures/combinations.py`.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path

from tests.fixtures.combinations import CALL_TIMEOUT, CHECKS, Seat, checked
from tests.fixtures.everything.starting import ROOT, command, everything, served_url
from tests.fixtures.lines import over_http, over_stdio
from tests.fixtures.peer import Era, Peer
from tests.fixtures.project import Project
from tests.fixtures.table import Table

Outcomes = Mapping[str, Mapping[str, str]]
Way = tuple[str, Era]

WAYS: tuple[Way, ...] = (("stdio", "modern"), ("stdio", "legacy"), ("http", "modern"), ("http", "legacy"))
SERVERS = {f"{transport}-{era}": (transport, era) for transport, era in WAYS}
ITSELF = "itself"


def row(server: str, way: Way) -> str:
    return f"{server} -> {way[0]}-{way[1]}"


async def through_the_gateway(
    way: Way, folder: Path, servers: Collection[str] = tuple(SERVERS), only: Collection[str] = ()
) -> Outcomes:
    """All these servers at once, reached in one way."""
    with contextlib.ExitStack() as stack:
        entries = {name: stack.enter_context(everything(*SERVERS[name], scheme=name)) for name in servers}
        words = "".join(f"[servers.{name}]\ncall_timeout = {CALL_TIMEOUT}\n" for name in servers)
        project = Project.of(folder / "project", entries, words)
        async with clients(way, project) as (peer, other), directs() as direct:
            seats = {
                row(name, way): Seat(peer, other, direct[SERVERS[name][1]], _word(name, way), f"{name}__", name)
                for name in servers
            }
            outcomes = await asyncio.gather(*(checked(seat, only) for seat in seats.values()))
            return dict(zip(seats, outcomes, strict=True))


def _word(name: str, way: Way) -> str:
    return f"{name}-{way[0]}-{way[1]}"


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


async def without_a_gateway(way: Way, folder: Path, only: Collection[str] = ()) -> Outcomes:
    """What a client sees that talks to the server itself."""
    transport, era = way
    async with directs() as direct:
        if transport == "http":
            with served_url(era) as url:
                async with over_http(url, era) as peer, over_http(url, era) as other:
                    seat = Seat(peer, other, direct[era], ITSELF, limited=False)
                    return {row(ITSELF, way): await checked(seat, only)}
        with (folder / "log").open("ab") as log:
            async with over_stdio(command("stdio", "--era", era), era, log, ROOT) as peer:
                seat = Seat(peer, peer, direct[era], ITSELF, limited=False)
                return {row(ITSELF, way): await checked(seat, only)}


async def looked_at(way: Way, servers: Collection[str], only: Collection[str]) -> Outcomes:
    with tempfile.TemporaryDirectory() as folder:
        if ITSELF in servers:
            return await without_a_gateway(way, Path(folder), only)
        return await through_the_gateway(way, Path(folder), servers, only)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = {f"{transport}-{era}": (transport, era) for transport, era in WAYS}
    parser.add_argument("--way", choices=ways, action="append")
    parser.add_argument("--server", choices=[ITSELF, *SERVERS], action="append")
    parser.add_argument("check", nargs="*", choices=[[], *CHECKS])  # []: none was given
    chosen = parser.parse_args()
    table = Table()
    for name in chosen.way or ways:
        table.rows |= asyncio.run(looked_at(ways[name], chosen.server or tuple(SERVERS), chosen.check))
    for name, outcomes in table.rows.items():
        for check, outcome in outcomes.items():
            if outcome not in ("ok", "-"):
                print(f"{name}  {check}: {outcome}")  # noqa: T201 - its output
    print("\n".join(table.lines()))  # noqa: T201 - its output
    return 0 if table.good else 1


if __name__ == "__main__":
    sys.exit(main())
