"""`toolgate policy versions` and `show`: the policies that were in force, and their text."""

import time
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.options import Caller, as_json, emit, located
from gateway.cli.policy.desk import opened, short

if TYPE_CHECKING:
    from gateway.policy.version import Version

__all__ = ["show_command", "versions_command"]


@click.command("versions", epilog=ends())
@as_json
@located
def versions_command(as_json: bool, caller: Caller) -> int:
    """List the policies that were in force, the newest first: when, by whom, and how they came."""
    with opened(caller, looks=True) as desk:
        versions, in_force = desk.book.versions(), desk.book.in_force()
    if as_json:
        emit([version.to_json(in_force) for version in versions])
        return Exit.OK
    from gateway.cli.columns import aligned

    for line in aligned([_words(version, in_force) for version in versions]) if versions else ():
        click.echo(line)
    if not versions:
        click.echo("there is none yet: the first process that uses the policy keeps it", err=True)
    return Exit.OK


@click.command("show", epilog=ends())
@click.argument("digest", metavar="DIGEST")
@click.option("--file", "name", metavar="NAME", help="One of its files, such as model.conf.")
@as_json
@located
def show_command(digest: str, name: str | None, as_json: bool, caller: Caller) -> int:
    """Print the files of a version, as they were. The beginning of its digest will do."""
    with opened(caller, looks=True) as desk:
        version, model = desk.book.version(digest), desk.paths.model.name
        in_force = desk.book.in_force()
    files = dict(version.files.policy)
    wanted = files if name is None else {it: content for it, content in _all(version, model) if it == name}
    if not wanted:
        known = ", ".join(f"`{known}`" for known, _ in _all(version, model))
        raise Stop(Exit.ERROR, f"version {short(version.digest)} has no file `{name}`; it has {known}")
    if as_json:
        texts = {known: content.decode(errors="replace") for known, content in _all(version, model)}
        emit(version.to_json(in_force) | {"files": texts})
        return Exit.OK
    for each, content in wanted.items():
        if len(wanted) > 1:
            click.echo(f"# ---- {each}")
        click.echo(content, nl=False)
    return Exit.OK


def _all(version: "Version", model: str) -> list[tuple[str, bytes]]:
    return [*version.files.policy, (model, version.files.model)]


def _words(version: "Version", in_force: "Version | None") -> tuple[str, ...]:
    from gateway.cli.columns import ago
    from gateway.visible import visible

    now = time.time_ns() // 1_000_000
    state = "in force" if in_force and version.number == in_force.number else "" if version.taken else "never taken"
    came = f"{version.how} by {visible(version.by) or 'nobody known'}"
    lines = f"{version.size.lines} lines" if version.in_force else ""
    return str(version.number), short(version.digest), ago(version.at, now), came, lines, state
