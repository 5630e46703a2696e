"""`toolgate policy shadow`: a candidate beside the policy in force, and where it would have decided otherwise."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import Caller, as_json, emit, located
from gateway.cli.policy.desk import Desk, opened, short

if TYPE_CHECKING:
    from gateway.policy.shadow import Candidate, Found, Tally

__all__ = ["shadow_command"]

STATUS = "status"


@click.command("shadow", epilog=ends())
@click.argument("new", metavar="NEW|status", required=False)
@click.option(
    "--model", type=click.Path(path_type=Path, dir_okay=False, exists=True), metavar="FILE", help="A model of its own."
)
@click.option("--off", is_flag=True, help="Take the candidate away.")
@as_json
@located
def shadow_command(new: str | None, model: Path | None, off: bool, as_json: bool, caller: Caller) -> int:
    """Put a candidate (a file, or a folder of them) beside the policy; `status` shows where it differs.

    Every process that serves compares it with what is in force, on each call that it decides. It is never enforced;
    `toolgate policy promote` makes it the policy. It is copied: for an edit of it, give this command again. A file that
    is called `status` is given as `./status`.
    """
    say_nothing_of_servers()
    if off == bool(new) or (off and model) or (new == STATUS and model):
        raise click.UsageError("give the candidate, or `status`, or --off")
    if new and new != STATUS and not Path(new).exists():
        raise click.BadParameter(f"there is no `{ascii(new)[1:-1]}`", param_hint="the candidate")
    with opened(caller) as desk:
        if off:
            return _off(desk, as_json=as_json)
        if new == STATUS:
            return _status(desk, as_json=as_json)
        return _begin(desk, Path(new or ""), model, as_json=as_json)


def _begin(desk: Desk, new: Path, model: Path | None, *, as_json: bool) -> int:
    candidate = _candidate(desk, new, model)
    desk.write(desk.book.shadow(candidate))
    if as_json:
        emit({"digest": candidate.digest, "base": candidate.base})
    else:
        click.echo(f"{short(candidate.digest)} is compared with the policy in force; see toolgate policy shadow status")
    return Exit.OK


def _candidate(desk: Desk, new: Path, model: Path | None) -> "Candidate":
    """Raises PolicyError for one that could not be in force."""
    from gateway.errors import PolicyError
    from gateway.policy.files import read_sources, shown
    from gateway.policy.load import build
    from gateway.policy.shadow import Candidate
    from gateway.policy.version import Files

    paths, folder = desk.paths, new.is_dir()
    if folder != paths.policy.is_dir() and paths.policy.exists():
        kind = "folder" if paths.policy.is_dir() else "file"
        raise PolicyError.at(str(new), f"the policy `{shown(paths.policy)}` is a {kind}, and so must a candidate be")
    sources = (*read_sources(model or paths.model), *read_sources(new))
    build(sources[0], sources=sources[1:])  # as it stands there, so that mistakes are named where they are
    files = Files.of(sources) if folder else Files.of(sources).named(paths.policy.name)
    base = desk.on_disk(None).digest or ""
    now = time.time_ns() // 1_000_000
    return Candidate(files.digest(paths.model.name), base, desk.by, now, folder, files)


def _off(desk: Desk, *, as_json: bool) -> int:
    gone = desk.write(desk.book.unshadow())
    if as_json:
        emit({"ended": gone})
    else:
        click.echo("the candidate is compared no more" if gone else "there is no candidate", err=not gone)
    return Exit.OK


def _status(desk: Desk, *, as_json: bool) -> int:
    candidate, tally = desk.book.candidate(), desk.book.tally()
    if candidate is None:
        raise Stop(Exit.ERROR, "there is no candidate; `toolgate policy shadow NEW` puts one beside the policy")
    comparing = [it for it in desk.running() if it.candidate == candidate.digest]
    if as_json:
        counts = {"seen": tally.seen, "differed": tally.differed, "failed": tally.failed, "unheard": tally.unheard}
        found = [it.to_json() for it in tally.found]
        whose = {"digest": candidate.digest, "base": candidate.base, "by": candidate.by, "at": candidate.at}
        emit(whose | counts | {"comparing": len(comparing), "differences": found})
    else:
        _print(candidate, tally, len(comparing))
    return Exit.OK


def _print(candidate: "Candidate", tally: "Tally", comparing: int) -> None:
    from gateway.cli.columns import ago, aligned

    now = time.time_ns() // 1_000_000
    for line in aligned([_words(found) for found in tally.found]) if tally.found else ():
        click.echo(line)
    processes = "1 process compares" if comparing == 1 else f"{comparing or 'no'} processes compare"
    since = f"in {ago(candidate.at, now).removesuffix(' ago')}; {processes} now"
    click.echo(f"{short(candidate.digest)}: {tally.differed:,} of {tally.seen:,} decisions differ, {since}", err=True)
    left_off = tally.differed - sum(found.count for found in tally.found)
    if left_off:
        click.echo(f"{left_off:,} more of other kinds, of which only the number is known", err=True)
    if tally.failed:
        click.echo(f"for {tally.failed:,} the candidate broke", err=True)
    if tally.unheard:
        click.echo(f"{tally.unheard:,} came too fast to be compared", err=True)


def _words(found: "Found") -> tuple[str, ...]:
    from gateway.visible import visible

    it = found.difference
    change = f"{it.old} -> {it.new}"
    if it.old == it.new:
        change = visible(f"{it.old}: {it.old_duties or 'no duties'} -> {it.new_duties or 'no duties'}")
    lines = f"{it.old_line or 'no line'} -> {it.new_line or 'no line'}"
    who, what = f"{it.who} of {it.tenant}", f"{it.action} {it.tool}"
    return f"{found.count}x", change, visible(who), visible(what), visible(lines)
