"""The files of cases beside the policy -> cases."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gateway.errors import PolicyError, Problem
from gateway.policy.cases.case import Case
from gateway.policy.cases.document import parse_document
from gateway.policy.cases.table import parse_table
from gateway.policy.files import Source, read_sources, shown

__all__ = ["NAMES", "cases_beside", "parse_cases", "read_cases", "tables_beside"]

NAMES = ("tests.csv", "tests.toml")
_PARSERS: Mapping[str, Callable[[str, str], list[Case]]] = {".toml": parse_document, ".csv": parse_table}


def tables_beside(policy: Path) -> list[Path]:
    """Those of `tests.csv` and `tests.toml` that stand beside the policy file (or beside the folder of them)."""
    return [table for name in NAMES if (table := policy.parent / name).exists()]


def cases_beside(policy: Path) -> list[Case]:
    """The cases beside the policy file (or the folder). Raises PolicyError, also where there are none."""
    tables = tables_beside(policy)
    if not tables:
        hint = f"write it, or {NAMES[1]}: docs/policy-tests.md"
        raise PolicyError.at(shown(policy.parent / NAMES[0]), "there are no cases", hint=hint)
    return read_cases(tables)


def read_cases(tables: Sequence[Path]) -> list[Case]:
    """The cases of all files, in their order; a folder counts for its `.csv` and `.toml` files.

    Raises PolicyError with every problem, also for a file without a case: it may have been cut.
    """
    problems: list[Problem] = []
    cases: list[Case] = []
    for source in _sources(tables):
        try:
            cases += parse_cases(source.file, source.content)
        except PolicyError as error:
            problems += error.problems
    if problems:
        raise PolicyError(problems)
    return cases


def parse_cases(file: str, content: bytes) -> list[Case]:
    """The cases of one file; the end of its name says in which format. Raises PolicyError."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise PolicyError.at(file, "not UTF-8", line, column, "save the file as UTF-8") from None
    found = _PARSERS.get(Path(file).suffix.lower(), parse_table)(file, text)
    if not found:
        raise PolicyError.at(file, "there is no case", hint="was the file cut? delete it if it is not needed")
    return found


def _sources(tables: Sequence[Path]) -> list[Source]:
    files = [file for table in tables for file in (_members(table) if table.is_dir() else [table])]
    return [source for file in files for source in read_sources(file)]


def _members(folder: Path) -> list[Path]:
    found = sorted(
        file for file in folder.iterdir() if file.suffix.lower() in _PARSERS and not file.name.startswith(".")
    )
    if not found:
        raise PolicyError.at(folder.as_posix(), "the folder holds no .csv or .toml file")
    return found
