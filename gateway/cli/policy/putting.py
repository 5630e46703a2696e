"""Policy files written by a command, as a version that is in force from then on; and what is said of it."""

from typing import TYPE_CHECKING

import click

from gateway.cli.options import emit
from gateway.cli.policy.desk import Desk, OnDisk, short

if TYPE_CHECKING:
    from gateway.policy.replica import Replica
    from gateway.policy.version import Files, How

__all__ = ["put", "say"]


def put(desk: Desk, found: OnDisk, files: "Files", how: "How", *, folder: bool) -> list[str]:
    """Makes the files say this, as the version in force from now on, and returns those that were changed.

    What stood in them is kept, also if no process has taken it. Raises PolicyError for what can't be used or written.
    """
    from gateway.errors import PolicyError
    from gateway.policy.files import shown
    from gateway.policy.taking import take
    from gateway.policy.writing import replace_files

    paths = desk.paths
    if folder != paths.policy.is_dir():
        now, then = ("file", "folder") if folder else ("folder", "file")
        raise PolicyError.at(shown(paths.policy), f"it is a {now}, and what should be in force was a {then}")
    sources = files.sources(paths.model, paths.policy, folder=folder)
    policy = take(sources, None, {files.digest(paths.model.name)})
    draft = desk.draft(OnDisk(sources, policy.digest, policy), how)

    def begun() -> None:
        if found.sources:
            desk.write(desk.book.keep(desk.draft(found, "replaced")))
        desk.write(desk.book.accept(policy.digest, desk.by))
        desk.write(desk.book.keep(draft))

    return [shown(path) for path in replace_files(files, paths.model, paths.policy, begun)]


def say(what: str, digest: str, done: tuple[OnDisk, list[str]], late: "list[Replica]", *, as_json: bool) -> None:
    """What became of it, and which processes have not taken it."""
    found, written = done
    if as_json:
        emit({"digest": digest, "replaced": found.digest, "written": written, "late": [it.to_json() for it in late]})
        return
    click.echo(f"{what} {short(digest)}")
    for name in written:
        click.echo(f"wrote {name}")
    if found.digest and found.digest != digest:
        click.echo(f"what it replaced is kept: toolgate policy show {short(found.digest)}")
    for it in late:
        click.echo(f"{it.kind} {it.host}/{it.pid} still runs {short(it.digest)}", err=True)
