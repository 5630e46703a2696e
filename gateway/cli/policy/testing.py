"""`toolgate policy test`: the policy's own tests."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit
from gateway.cli.options import Caller, as_json, emit, located
from gateway.cli.policy.counting import counted

if TYPE_CHECKING:
    from gateway.policy.cases import Failure

__all__ = ["test_command"]


@click.command("test")
@click.option(
    "--file", type=click.Path(path_type=Path, exists=True), metavar="FILE", help="The table; tests.csv by the policy."
)
@as_json
@located
def test_command(file: Path | None, as_json: bool, caller: Caller) -> int:
    """Put the policy's own tests to it: one line for each that fails. Exit code 1 when one does."""
    from gateway.policy import load
    from gateway.policy.cases import parse_cases, run_tests
    from gateway.policy.files import read_sources

    config = caller.config()
    table = file or config.policy.files.parent / "tests.csv"
    policy = load(config.policy.model, config.policy.files)
    failures = run_tests(policy, table)
    number = sum(len(parse_cases(source.file, source.content)) for source in read_sources(table))
    if as_json:
        emit({"ok": not failures, "cases": number, "failures": [_failure(failure) for failure in failures]})
    else:
        for failure in failures:
            click.echo(str(failure))
        click.echo(f"{counted(number, 'case')}, {counted(len(failures), 'failure')}", err=True)
    return Exit.ERROR if failures else Exit.OK


def _failure(failure: "Failure") -> dict[str, str | None]:
    case, got = failure.case, failure.got
    said = {"case": case.name, "where": case.where, "expected": case.expect, "expected_line": case.rule or None}
    return said | {"got": got.effect, "rule": got.rule, "why": got.why}
