"""`toolgate policy promote`: the candidate becomes the policy."""

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import Caller, as_json, located
from gateway.cli.policy.desk import opened, short, waited
from gateway.cli.policy.putting import put, say

__all__ = ["promote_command"]


@click.command("promote", epilog=ends(error="a process has not taken it in time"))
@click.option("--force", is_flag=True, help="Also if the policy was edited since the candidate was put beside it.")
@as_json
@located
def promote_command(force: bool, as_json: bool, caller: Caller) -> int:
    """Write the candidate into the policy's files, and end the comparison.

    What it replaces is kept: `toolgate policy rollback` brings it back.
    """
    say_nothing_of_servers()
    with opened(caller) as desk:
        candidate = desk.book.candidate()
        if candidate is None:
            raise Stop(Exit.ERROR, "there is no candidate; `toolgate policy shadow NEW` puts one beside the policy")
        found = desk.on_disk(desk.book.in_force())
        if found.digest not in (candidate.base, candidate.digest) and not force:
            was, now = short(candidate.base), short(found.digest or "nothing")
            raise Stop(
                Exit.ERROR,
                f"the policy was edited since the candidate was put beside it ({was} then, {now} now), and that edit"
                " would be lost; put it into the candidate too, or give --force",
            )
        written = put(desk, found, candidate.files, "promoted", folder=candidate.folder)
        desk.write(desk.book.unshadow())
        late = waited(desk, candidate.digest)
    say("promoted", candidate.digest, (found, written), late, as_json=as_json)
    return Exit.ERROR if late else Exit.OK
