"""`toolgate demo`: everything at work, offline and without a key. The options; `scenes` is the play."""

import asyncio
import sys
from pathlib import Path

import click

from gateway.cli.exits import Exit, ends

__all__ = ["demo_command"]


@click.command("demo", epilog=ends())
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(".toolgate/demo"),
    show_default=True,
    help="Where it may write.",
)
@click.option("--yes", is_flag=True, help="Do not ask: let a second person approve.")
@click.option("--json", "as_json", is_flag=True, help="Only the findings, as JSON on stdout.")
def demo_command(folder: Path, yes: bool, as_json: bool) -> int:
    """See an agent at work while the gateway allows, asks, denies, survives a kill and stops on budget."""
    from gateway.cli.console import console
    from gateway.cli.options import emit
    from gateway.cli.scenes import Demo, prepare

    folder = folder.resolve()
    prepare(folder)
    shown = console()
    shown.quiet = as_json
    ask = not yes and not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    findings = asyncio.run(Demo(folder, shown, ask=ask).play())
    if as_json:
        emit(findings)
    return Exit.OK if findings["as_expected"] else Exit.ERROR
