"""`toolgate config`: what is in force and who said it (secrets are not in it), and what may be said."""

from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller, emit

if TYPE_CHECKING:
    from gateway.config import Origin

__all__ = ["config_command"]


@click.group("config", epilog=ends())
def config_command() -> None:
    """Show the configuration, where each value comes from, and what there is to configure."""


@config_command.command("show", epilog=ends())
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


@config_command.command("schema", epilog=ends())
@click.argument("file", type=click.Choice(["toolgate", "budgets"]), default="toolgate")
@as_json
def schema_command(file: str, as_json: bool) -> int:
    """Print the JSON Schema of toolgate.toml (or of budgets.toml), for editors. docs/policy-editors.md says how."""
    import json

    from gateway.config.schemas import schema

    found = schema(file)
    click.echo(json.dumps(found, indent=None if as_json else 2))
    return Exit.OK


def _lines(rows: "list[Origin]", *, origin: bool) -> list[str]:
    from gateway.cli.columns import aligned
    from gateway.visible import visible

    cells = [(visible(row.key), visible(row.shown), row.origin) for row in rows]
    return aligned(cells if origin else [cell[:2] for cell in cells])
