"""`toolgate init`: a project that works at once. Nothing is ever overwritten."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import as_json, emit
from gateway.cli.program import program

if TYPE_CHECKING:
    from gateway.config import Kept, Written

__all__ = ["init_command"]

_UNTRUSTED = (
    "your servers are not trusted yet: set trusted = true in [servers.NAME] of toolgate.toml for reads to be allowed"
)
_NEXT = ('run "hello"', "tools", "doctor")


@click.command("init", epilog=ends())
@click.argument("folder", metavar="[FOLDER]", default=".", type=click.Path(path_type=Path, file_okay=False))
@as_json
def init_command(folder: Path, as_json: bool) -> int:
    """Write a commented starter into FOLDER: configuration, policies, tests for them. What is there is kept."""
    from gateway.config import Written, has_own_servers, write_starter

    done = write_starter(folder)
    commands = _commands(folder)
    if as_json:
        written = [_name(file, folder) for file in done if isinstance(file, Written)]
        kept = [_name(file, folder) for file in done if not isinstance(file, Written)]
        emit({"folder": str(folder.resolve()), "written": written, "kept": kept, "next": commands})
        return Exit.OK
    for file in done:
        click.echo(f"{'wrote' if isinstance(file, Written) else 'kept '}  {_name(file, folder)}")
    click.echo("\nnext:", err=True)
    for command in commands:
        click.echo(f"  {command}", err=True)
    if isinstance(done[0], Written) and has_own_servers(folder):
        click.echo(f"\n{_UNTRUSTED}", err=True)
    return Exit.OK


def _name(file: "Written | Kept", folder: Path) -> str:
    return file.path.relative_to(folder).as_posix()


def _commands(folder: Path) -> Sequence[str]:
    place = "" if folder.resolve() == Path.cwd() else f" --project {shlex.quote(str(folder))}"
    return [f"{program()} {command}{place}" for command in _NEXT]
