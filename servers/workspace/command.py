"""The flags of `python -m servers.workspace`, and what follows from them."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from servers.program import start
from servers.tooling import Program
from servers.workspace.rooted import Rooted
from servers.workspace.tools import INSTRUCTIONS, tools_for

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Serves until stdin ends. Raises SystemExit: 1 if the folder can't be used, 2 for wrong flags."""
    parser = argparse.ArgumentParser(prog="python -m servers.workspace", description="Files below one folder, over MCP")
    parser.add_argument("--root", type=Path, required=True, metavar="DIR", help="the folder; made if it is missing")
    options = parser.parse_args(argv)
    try:
        root = Rooted(options.root)
    except OSError as error:
        parser.exit(1, f"--root `{options.root}` can't be used: {error.strerror}\n")
    start(Program("workspace", "1.0.0", INSTRUCTIONS, tools_for(root)))
