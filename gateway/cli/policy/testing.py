"""`toolgate policy test`: the policy's own tests, and what they have not seen of it. No server is started."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, emit, located

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.policy.cases import Case

__all__ = ["test_command"]


@dataclass(frozen=True, slots=True)
class _Asked:
    """The command's options."""

    files: tuple[Path, ...] = ()
    pattern: str | None = None
    coverage: bool = False
    least: float | None = None
    junit: Path | None = None

    @property
    def deep(self) -> bool:
        return self.coverage or self.least is not None


@click.command("test", epilog=ends(error="a case fails, or too little is covered"))
@click.option(
    "--file",
    "files",
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE",
    multiple=True,
    help="Cases, or a folder of them; else tests.csv and tests.toml beside the policy.",
)
@click.option("-k", "pattern", metavar="PATTERN", help="Only cases whose name holds this, or matches it with * and ?.")
@click.option("--coverage", is_flag=True, help="Show what each line of the policy did, and which branches no case saw.")
@click.option(
    "--min-coverage",
    "least",
    type=click.FloatRange(0, 100),
    metavar="N",
    help="Fail unless N % of the lines decide a case, and N % of the branches are seen.",
)
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write JUnit XML, too.")
@as_json
@located
def test_command(as_json: bool, caller: Caller, **options: Any) -> int:
    """Put the policy's own tests to it: what fails and why, and which lines that restrict no case tests."""
    asked = _Asked(**options)
    if asked.pattern and asked.least is not None:
        raise click.UsageError("--min-coverage is about all cases: leave -k out")
    return _test(caller.config(), asked, as_json=as_json)


def _test(config: "Config", asked: _Asked, *, as_json: bool) -> int:
    from gateway.cli.policy.knowing import pinned
    from gateway.policy import load
    from gateway.policy.cases.report import report

    began = time.monotonic()
    policy = load(config.policy.model, config.policy.files)
    cases = _cases(config, asked)
    found = report(policy, cases, pinned(config).catalogue.find, least=asked.least, deep=asked.deep)
    found = found.partly() if _has_others(config, asked) else found
    if asked.junit:
        from gateway.policy.cases.junit import junit

        asked.junit.write_text(junit(found.found, found.because, time.monotonic() - began), encoding="utf-8")
    if as_json:
        emit(found.to_json(with_coverage=asked.deep))
    else:
        from gateway.cli.policy.testing_view import print_report

        print_report(found, asked.coverage, whole=asked.pattern is None)
    return Exit.OK if found.ok else Exit.ERROR


def _has_others(config: "Config", asked: _Asked) -> bool:
    """Whether there are cases beside the policy that are not among those that were asked for."""
    from gateway.policy.cases.reading import tables_beside

    given = [path.resolve() for path in asked.files]
    beside = [table.resolve() for table in tables_beside(config.policy.files)]
    return bool(given) and any(table not in given and table.parent not in given for table in beside)


def _cases(config: "Config", asked: _Asked) -> "Sequence[Case]":
    """Raises PolicyError for tables that can't be read, or are not there; BadParameter when the pattern fits none."""
    from gateway.policy.cases.reading import cases_beside, read_cases
    from gateway.policy.cases.report import chosen

    cases = read_cases(asked.files) if asked.files else cases_beside(config.policy.files)
    found = chosen(cases, asked.pattern) if asked.pattern else cases
    if not found:
        raise click.BadParameter(f"no case of {len(cases)} has a name like this", param_hint="-k")
    return found
