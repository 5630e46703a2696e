"""All that came of putting cases to a policy, as one value and as JSON. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.errors import Problem
from gateway.policy.cases.case import Case
from gateway.policy.cases.coverage import Coverage, coverage, missing_tests
from gateway.policy.cases.failing import because
from gateway.policy.cases.running import Failure, Known, Outcome, outcomes
from gateway.policy.decide import Policy
from gateway.policy.globs import compile_glob, is_wild

__all__ = ["EXPLAINED", "Report", "chosen", "report"]

_TOLD = ("file", "line", "column", "message", "hint", "level")
EXPLAINED = 100  # failures; of more, only the first ones are explained


@dataclass(frozen=True, slots=True)
class Report:
    """`because` explains failures, by the place of their cases. `missing` are lines that restrict and that no case
    tests.
    """

    found: Sequence[Outcome]
    because: Mapping[str, Sequence[str]]
    covered: Coverage
    missing: Sequence[Problem]
    least: float

    @property
    def failures(self) -> list[Failure]:
        return [one.failure for one in self.found if not one.ok]

    @property
    def ok(self) -> bool:
        return not self.failures and self.covered.reaches(self.least)

    def partly(self) -> "Report":
        """The same where there are more cases than these: only lines that one of these is about are missing."""
        return replace(self, missing=missing_tests(self.covered, partly=True))

    @property
    def problems(self) -> list[Problem]:
        """As findings: each case that fails, and each line that restricts and that no case tests."""
        return [*map(self._problem, self.failures), *self.missing]

    def _problem(self, failure: Failure) -> Problem:
        case, why = failure.case, self.because.get(failure.case.where, ())
        return Problem(case.file, case.number, 1, failure.message, "; ".join(map(str.strip, why)), rule="failing-test")

    def to_json(self, *, with_coverage: bool) -> dict[str, Any]:
        """A stable shape for `--json`."""
        value = {
            "ok": self.ok,
            "cases": len(self.found),
            "failures": [self._failure(failure) for failure in self.failures],
            "missing_tests": [{name: getattr(problem, name) for name in _TOLD} for problem in self.missing],
        }
        return value | ({"coverage": self.covered.to_json()} if with_coverage else {})

    def _failure(self, failure: Failure) -> dict[str, Any]:
        case, got = failure.case, failure.got
        return {
            "case": case.name,
            "where": case.where,
            "expected": case.expect,
            "expected_line": case.line or None,
            "expected_why": case.why or None,
            "expected_duties": None if case.duties is None else case.duties.to_json(),
            "got": got.effect,
            "rule": got.rule,
            "why": got.why,
            "duties": got.duties.to_json() if got.duties else {},
            "because": list(self.because.get(case.where, ())),
        }


def report(
    policy: Policy, cases: Sequence[Case], known: Known, *, least: float | None = None, deep: bool = False
) -> Report:
    """Runs the cases. `deep` looks at branches, too, and `least` is what the coverage must reach."""
    found = outcomes(policy, cases, known)
    covered = coverage(policy, found, with_branches=deep)
    failures = [one.failure for one in found if not one.ok]
    why = {failure.case.where: because(policy, failure) for failure in failures[:EXPLAINED]}
    return Report(found, why, covered, missing_tests(covered), least or 0.0)


def chosen(cases: Sequence[Case], pattern: str) -> list[Case]:
    """Those whose name holds the pattern, or matches it where it has wildcards; small and capital letters are alike."""
    wanted = pattern.casefold()
    if is_wild(wanted):
        matches = compile_glob(wanted)
        return [case for case in cases if matches(case.name.casefold())]
    return [case for case in cases if wanted in case.name.casefold()]
