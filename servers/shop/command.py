"""The flags of `python -m servers.shop`, and what follows from them."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from servers.program import start
from servers.shop.database import WrongFile
from servers.shop.ledger import Ledger
from servers.shop.tools import INSTRUCTIONS, tools_for
from servers.tooling import Program

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Serves until stdin ends. Raises SystemExit: 1 if the file can't be used, 2 for wrong flags."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        ledger = Ledger(options.db)
    except WrongFile as error:
        parser.exit(1, f"--db `{options.db}` can't be used: {error}\n")
    start(Program("shop", "1.0.0", INSTRUCTIONS, tools_for(ledger, held_back=options.delay_ms / 1000)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m servers.shop", description="A small bicycle shop, over MCP")
    parser.add_argument("--db", type=Path, required=True, metavar="FILE", help="the database; made if it is missing")
    parser.add_argument(
        "--delay-ms",
        type=_milliseconds,
        default=os.environ.get("SHOP_DELAY_MS", "0"),
        metavar="N",
        help="for demonstrations and tests: how long create_order keeps its answer after its commit, so that a caller"
        " can be killed in the gap (also: SHOP_DELAY_MS)",
    )
    return parser


def _milliseconds(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value
