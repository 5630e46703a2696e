"""`toolgate config show`: what is in force, and who said it. Secrets are not in it."""

from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit
from gateway.cli.options import Caller, as_json, caller, emit

if TYPE_CHECKING:
    from gateway.config import Origin

__all__ = ["config_command"]


@click.group("config")
def config_command() -> None:
    """Show the configuration and where each value comes from."""


@config_command.command("show")
@click.option("--origin", is_flag=True, help="Say for each key who set it: file and line, environment, flag, default.")
@as_json
@caller
def show_command(origin: bool, as_json: bool, caller: Caller) -> int:
    """Print every key with its value. A placeholder stands as it was written; what looks like a secret is hidden."""
    from gateway.config import origins

    config = caller.config()
    rows = origins(config)
    if as_json:
        emit([{"key": row.key, "value": row.shown, "origin": row.origin} for row in rows])
        return Exit.OK
    for line in _lines(rows, origin=origin):
        click.echo(line)
    for problem in config.warnings:
        click.echo(str(problem), err=True)
    return Exit.OK


def _lines(rows: "list[Origin]", *, origin: bool) -> list[str]:
    from gateway.cli.columns import aligned
    from gateway.visible import visible

    cells = [(visible(row.key), visible(row.shown), row.origin) for row in rows]
    return aligned(cells if origin else [cell[:2] for cell in cells])
