"""`toolgate policy reload`: whether the edited files are taken, and by whom; and that a shrunken policy is meant."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import Caller, as_json, emit, located
from gateway.cli.policy.desk import opened, short, waited

if TYPE_CHECKING:
    from gateway.policy.replica import Replica

__all__ = ["reload_command"]


@click.command("reload", epilog=ends(config="the files are refused", error="a process has not taken it in time"))
@click.option("--force", is_flag=True, help="Take it although most lines of the policy in force are gone from it.")
@as_json
@located
def reload_command(force: bool, as_json: bool, caller: Caller) -> int:
    """See that what the policy's files say comes into force, in every process that runs.

    They take edits by themselves; this says whether they have.
    """
    say_nothing_of_servers()
    with opened(caller) as desk:
        in_force = desk.book.in_force()
        found = desk.on_disk(in_force, force=force)
        if found.problem is not None or found.digest is None:
            raise found.problem or AssertionError
        meant = force and desk.on_disk(in_force).problem is not None
        if meant:
            desk.write(desk.book.accept(found.digest, desk.by))
        late = waited(desk, found.digest)
        if not desk.running():
            desk.write(desk.book.keep(desk.draft(found, "forced" if meant else "edited")))
        took = [it for it in desk.running() if it.digest == found.digest]
    _say(found.digest, took, late, as_json=as_json)
    return Exit.ERROR if late else Exit.OK


def _say(digest: str, took: "Sequence[Replica]", late: "Sequence[Replica]", *, as_json: bool) -> None:
    if as_json:
        emit({"digest": digest, "took": [it.to_json() for it in took], "late": [it.to_json() for it in late]})
        return
    click.echo(f"{short(digest)} is in force")
    for it in took:
        click.echo(f"{it.kind} {it.host}/{it.pid} has it")
    for it in late:
        click.echo(f"{it.kind} {it.host}/{it.pid} still runs {short(it.digest)}", err=True)
