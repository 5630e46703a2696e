"""Outcomes as JUnit XML, which build servers read. Pure.

The shape is that of Jenkins' and GitLab's readers: a suite for each file of cases, a failure with its text.
https://github.com/testmoapp/junitxml
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from gateway.policy.cases.running import Failure, Outcome
from gateway.visible import visible

__all__ = ["junit"]

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def junit(found: Sequence[Outcome], why: Mapping[str, Sequence[str]], seconds: float) -> str:
    """The document. `why` has the lines that explain a failure, by the place of its case; `seconds` for all of them."""
    files = groupby(found, key=lambda one: one.case.file)
    body = "".join(_suite(file, list(cases), why) for file, cases in files)
    counts = f'tests="{len(found)}" failures="{_failures(found)}" time="{seconds:.3f}"'
    return f'{_HEAD}<testsuites name="toolgate policy test" {counts}>\n{body}</testsuites>\n'


def _suite(name: str, cases: Sequence[Outcome], why: Mapping[str, Sequence[str]]) -> str:
    body = "".join(_case(one, why) for one in cases)
    counts = f'tests="{len(cases)}" failures="{_failures(cases)}" errors="0" skipped="0"'
    return f"  <testsuite name={_quoted(name)} {counts}>\n{body}  </testsuite>\n"


def _case(one: Outcome, why: Mapping[str, Sequence[str]]) -> str:
    case = one.case
    head = f"    <testcase name={_quoted(case.name)} classname={_quoted(case.file)} file={_quoted(case.file)} "
    head += f'line="{case.number}"'
    return f"{head}/>\n" if one.ok else f"{head}>\n{_failure(one.failure, why.get(case.where, ()))}    </testcase>\n"


def _failure(failure: Failure, why: Sequence[str]) -> str:
    message = f"expected {failure.case.expected}, got {failure.got.effect}"
    text = "\n".join([visible(str(failure)), *why])
    return f"      <failure message={_quoted(message)} type={_quoted(failure.got.effect)}>{escape(text)}</failure>\n"


def _failures(found: Sequence[Outcome]) -> int:
    return sum(not one.ok for one in found)


def _quoted(text: str) -> str:
    return quoteattr(visible(text))  # what XML 1.0 can't hold is spelled out
