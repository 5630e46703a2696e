"""`toolgate connect`: the gateway into a client's file, and nothing else; and out again."""

import asyncio
import os
import re
from pathlib import Path

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import as_json

__all__ = ["connect_command"]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@click.command("connect", epilog=ends(Exit.UNREACHABLE))
@click.argument("client")
@click.option("--http", is_flag=True, help="By the address of `toolgate serve`, which must run then.")
@click.option("--profile", metavar="NAME", help="Only this part of the gateway, `[profiles.NAME]` of toolgate.toml.")
@click.option("--key-env", metavar="NAME", help="With --http: the client's variable that has its API key.")
@click.option("--undo", is_flag=True, help="Give the client's file back, to the byte.")
@click.option("--force", is_flag=True, help="With --undo: also when it was changed since.")
@click.option("--project", "folder", type=_FOLDER, metavar="FOLDER", help="The project whose gateway it is.")
@as_json
def connect_command(
    client: str,
    http: bool,
    profile: str | None,
    key_env: str | None,
    undo: bool,
    force: bool,
    folder: Path | None,
    as_json: bool,
) -> int:
    """Add the gateway to a client: claude-code, claude-desktop, cursor, vscode, windsurf, codex, gemini or zed.

    What the client has stays, other parts of the gateway included. --undo gives its file back as it was before Toolgate
    first changed it.
    """
    from gateway.cli.hosting import chosen_home, give_back, named_hosts
    from gateway.cli.joining import Way, join
    from gateway.config.folders import find_folders

    if force and not undo:
        raise click.UsageError("--force goes with --undo only")
    if key_env is not None and not (http and _VARIABLE.fullmatch(key_env)):
        raise click.UsageError("--key-env goes with --http, and is the name of a variable")
    (host,) = named_hosts([client])
    folders = find_folders(folder or Path.cwd(), os.environ)
    if undo:
        return give_back(folders, [client], force=force, as_json=as_json)
    return asyncio.run(join(host, folders, chosen_home(folders, folder), Way(http, profile, key_env), as_json=as_json))
