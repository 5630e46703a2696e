"""`toolgate runs export`, `import`: a run goes from one installation to another. No server is started."""

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.exits import Exit, Stop, ends, must_go_on
from gateway.cli.options import Caller, as_json, caller, emit

if TYPE_CHECKING:
    from gateway.offline import Offline

__all__ = ["export_command", "import_command"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("export", epilog=ends())
@click.argument("run_id", metavar="RUN")
@click.option("-o", "--output", "file", type=_FILE, metavar="FILE", help="Into a new file, which only its owner reads.")
@click.option("--move", is_flag=True, help="It goes on elsewhere: here it ends, as cancelled. Needs a file.")
@click.option("--force", is_flag=True, help="Take it as it is, though somebody drives it.")
@as_json
@caller
def export_command(run_id: str, file: Path | None, move: bool, force: bool, as_json: bool, caller: Caller) -> int:
    """Write RUN as JSON: its events, approvals, tasks and account, and the session that it is in."""
    if move and (file is None or force):
        raise click.UsageError("--move needs a file (-o FILE), and a run that nobody drives")
    if file is not None and file.exists():
        raise Stop(Exit.ERROR, f"`{file}` is there already")
    from gateway.packing import packed

    with caller.offline() as offline:
        if move:
            must_go_on(asyncio.run(offline.run(run_id)), "move; `toolgate runs export` without --move copies it")
        pack = asyncio.run(packed(offline, run_id, force=force, moves=move))
        if move and file is not None:
            _move(offline, pack, file)
        elif file is not None:
            _write(file, pack)
    if file is None:
        emit(pack)
    elif as_json:
        emit({"run": pack["run"], "file": str(file), "moved": move})
    else:
        click.echo(f"{pack['run']} is in {file}" + ("; here it has ended" if move else ""), err=True)
    return Exit.OK


def _move(offline: "Offline", pack: dict[str, Any], file: Path) -> None:
    """It is on the disk before it ends here, and has its name when it has: whoever finds the name finds it moved."""
    from gateway.errors import Conflict

    aside = file.with_name(f"{file.name}.part")
    _write(aside, pack)
    try:
        asyncio.run(offline.store.move(pack, offline.subject().user, str(file)))
    except Conflict:  # after any other failure nobody knows, and the file is kept
        aside.unlink()
        raise
    aside.rename(file)


def _write(file: Path, pack: dict[str, Any]) -> None:
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as out:
        json.dump(pack, out)
        out.flush()
        os.fsync(out.fileno())


@click.command("import", epilog=ends())
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@as_json
@caller
def import_command(file: Path, as_json: bool, caller: Caller) -> int:
    """Take in a run that was exported into FILE. It goes on by `toolgate resume`; one that was submitted and has moved,
    by the workers here. It acts as the user whom the file names: another one's needs --as.
    """
    try:
        pack = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise Stop(Exit.ERROR, f"`{file}` is no exported run") from None
    from gateway.packing import taken_in

    with caller.offline() as offline:
        whose = offline.subject()
        fresh = asyncio.run(taken_in(offline, pack, whose, whose.user))
    if as_json:
        emit({"run": pack["run"], "new": fresh})
    else:
        click.echo(f"{pack['run']} is here" + ("" if fresh else " already: nothing was changed"), err=True)
    return Exit.OK
