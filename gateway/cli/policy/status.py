"""`toolgate policy status`: what is in force, what the files say, and who runs what."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import Caller, as_json, emit, located
from gateway.cli.policy.desk import Desk, OnDisk, opened, short

if TYPE_CHECKING:
    from gateway.policy.replica import Replica
    from gateway.policy.version import Version

__all__ = ["disk_state", "status_command"]


@click.command("status", epilog=ends(config="the files are refused"))
@as_json
@located
def status_command(as_json: bool, caller: Caller) -> int:
    """Say which policy is in force, what its files say now, and which process runs what."""
    say_nothing_of_servers()
    with opened(caller, looks=True) as desk:
        in_force = desk.book.in_force()
        found = desk.on_disk(in_force)
        if as_json:
            emit(_json(desk, in_force, found))
        else:
            for line in _lines(desk, in_force, found):
                click.echo(line)
    return Exit.CONFIG if found.problem else Exit.OK


def disk_state(in_force: "Version | None", found: OnDisk) -> str:
    """In a word or three."""
    if found.problem is not None:
        return "refused"
    return "in force" if in_force and in_force.digest == found.digest else "not taken yet"


def _json(desk: Desk, in_force: "Version | None", found: OnDisk) -> dict[str, Any]:
    from dataclasses import asdict

    problems = [asdict(problem) for problem in found.problem.problems] if found.problem else []
    candidate, tally = desk.book.candidate(), desk.book.tally()
    alive = {it.id for it in desk.running()}
    counts = {"seen": tally.seen, "differed": tally.differed, "failed": tally.failed, "unheard": tally.unheard}
    return {
        "place": desk.book.place,
        "in_force": in_force.to_json() if in_force else None,
        "on_disk": {"digest": found.digest, "state": disk_state(in_force, found), "problems": problems},
        "candidate": {"digest": candidate.digest, "by": candidate.by, "at": candidate.at} | counts
        if candidate
        else None,
        "processes": [it.to_json() | {"alive": it.id in alive} for it in desk.book.replicas()],
    }


def _lines(desk: Desk, in_force: "Version | None", found: OnDisk) -> Iterator[str]:
    from gateway.cli.columns import ago, aligned
    from gateway.visible import visible

    now = time.time_ns() // 1_000_000
    if in_force is None:
        yield "in force   nothing yet: no process has used this policy"
    else:
        size = f"{in_force.size.lines} `p` lines; {in_force.size.restricting} lines ask, deny or oblige"
        came = f"{in_force.how} by {in_force.by or 'nobody known'} {ago(in_force.at, now)}"
        yield f"in force   {short(in_force.digest)}  {size}; {came}"
    yield f"on disk    {short(found.digest or '-')}  {disk_state(in_force, found)}"
    for problem in found.problem.problems if found.problem else ():
        yield f"           {visible(str(problem))}"
    candidate = desk.book.candidate()
    if candidate is not None:
        tally = desk.book.tally()
        seen = f"{tally.differed:,} of {tally.seen:,} decisions differ"
        yield f"candidate  {short(candidate.digest)}  by {candidate.by} {ago(candidate.at, now)}; {seen}"
    replicas = desk.book.replicas()
    alive = {it.id for it in desk.running()}
    yield from aligned([_process(it, now, alive=it.id in alive) for it in replicas])
    if not replicas:
        yield "processes  none has reported"


def _process(it: "Replica", now: int, *, alive: bool) -> tuple[str, ...]:
    from gateway.cli.columns import ago

    state = f"since {ago(it.since, now).removesuffix(' ago')}" if alive else f"dead, last seen {ago(it.beat, now)}"
    shadow = f"compares {short(it.candidate)}" if it.candidate else ""
    return it.kind, f"{it.host}/{it.pid}", short(it.digest), state, "its files are refused" if it.problem else shadow
