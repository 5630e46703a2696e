"""`toolgate doctor`: the whole set-up, one line for each finding, with its mend. What is checked stands in `checks`."""

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import Caller, as_json, emit, located

if TYPE_CHECKING:
    from gateway.cli.finding import Finding

__all__ = ["doctor_command"]

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command("doctor", epilog=ends(error="something fails"))
@as_json
@located
def doctor_command(as_json: bool, caller: Caller) -> int:
    """Check the whole set-up, with a mend for each finding."""
    from gateway.cli.checks import examine

    say_nothing_of_servers()
    findings = asyncio.run(examine(caller))
    failed = any(finding.level == "fail" for finding in findings)
    if as_json:
        emit({"ok": not failed, "findings": [dataclasses.asdict(finding) for finding in findings]})
    else:
        _print(findings)
    return Exit.ERROR if failed else Exit.OK


def _print(findings: "Sequence[Finding]") -> None:
    from rich.text import Text

    from gateway.cli.columns import aligned
    from gateway.cli.console import console
    from gateway.visible import visible

    paper = console()
    lines = aligned([(finding.level, visible(finding.what), visible(finding.detail)) for finding in findings])
    for finding, line in zip(findings, lines, strict=True):
        text = Text(line)
        text.stylize(_STYLES[finding.level], 0, len(finding.level))
        paper.print(text.append(f"  mend: {visible(finding.mend)}" if finding.mend else "", style="bold"))
