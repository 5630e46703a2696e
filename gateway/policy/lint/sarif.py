"""Findings as SARIF 2.1.0, which code-scanning tools read. Pure.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from gateway.errors import Problem
from gateway.policy.lint.finding import ERRORS, RULES

__all__ = ["sarif"]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_HELP = "docs/policy-admin.md"


def sarif(problems: Sequence[Problem], version: str) -> dict[str, Any]:
    """One run of `toolgate policy check`. Every rule is listed, so that one which finds nothing is known to be looked
    for. Files are relative to where the command was given, where they lie below it.
    """
    rules = {**ERRORS, **RULES}
    numbers = {rule: number for number, rule in enumerate(rules)}
    driver = {
        "name": "toolgate policy check",
        "semanticVersion": version,
        "rules": [_rule(name, said) for name, said in rules.items()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, numbers) for problem in problems],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(name: str, said: str) -> dict[str, Any]:
    level = "error" if name in ERRORS else "warning"
    return {
        "id": name,
        "shortDescription": {"text": said[:1].upper() + said[1:]},
        "help": {"text": f"{_HELP} tells what it means and what to do."},
        "defaultConfiguration": {"level": level},
    }


def _result(problem: Problem, numbers: Mapping[str, int]) -> dict[str, Any]:
    text = f"{problem.message} ({problem.hint})" if problem.hint else problem.message
    known = {"ruleId": problem.rule, "ruleIndex": numbers[problem.rule]} if problem.rule in numbers else {}
    return known | {
        "level": problem.level,
        "message": {"text": text},
        "locations": [{"physicalLocation": _place(problem)}],
        "partialFingerprints": {"toolgate/v1": _fingerprint(problem)},
    }


def _place(problem: Problem) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(problem.file)}}
    if problem.line:
        place["region"] = {"startLine": problem.line, "startColumn": max(1, problem.column)}
    return place


def _uri(file: str) -> str:
    path = PurePosixPath(file)
    return f"file://{quote(file)}" if path.is_absolute() else quote(path.as_posix())


def _fingerprint(problem: Problem) -> str:
    """The same for the same finding when lines above it come and go."""
    return hashlib.sha256(f"{problem.rule}\x00{problem.file}\x00{problem.message}".encode()).hexdigest()[:32]
