"""`toolgate policy rollback`: the files as they were in an earlier version."""

from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import Caller, as_json, located
from gateway.cli.policy.desk import Desk, OnDisk, opened, waited
from gateway.cli.policy.putting import put, say

if TYPE_CHECKING:
    from gateway.policy.version import Version

__all__ = ["rollback_command"]


@click.command("rollback", epilog=ends(error="a process has not taken it in time"))
@click.argument("digest", metavar="DIGEST", required=False)
@as_json
@located
def rollback_command(digest: str | None, as_json: bool, caller: Caller) -> int:
    """Write the policy's files back as they were in the version with this digest; its beginning will do.

    Without one: as they are in force, if what stands in them now is not; else as they were before. What they replace
    is kept.
    """
    say_nothing_of_servers()
    with opened(caller) as desk:
        found = desk.on_disk(in_force := desk.book.in_force())
        version = desk.book.version(digest) if digest else _meant(desk, in_force, found)
        written = put(desk, found, version.files, "rolled back", folder=version.folder)
        late = waited(desk, version.digest)
    say("rolled back to", version.digest, (found, written), late, as_json=as_json)
    return Exit.ERROR if late else Exit.OK


def _meant(desk: Desk, in_force: "Version | None", found: OnDisk) -> "Version":
    if in_force is not None and in_force.digest != found.digest:
        return in_force
    version = desk.book.previous()
    if version is None:
        raise Stop(Exit.ERROR, "there is no version before this one; see `toolgate policy versions`")
    return version
