"""Which lines and branches of a policy its cases have seen, and what is missing. Pure.

A line is *decided* when it gave the answer to a case, *matched* when it took part and another one decided, *met* when a
case was about it and its condition did not hold, and else *never met*. A `deny` or an `ask` line is *tested* when a
case expects what it says, and it decides that case. An `o` line decides where its duties count, and is tested when such
a case says which duties it expects.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.errors import Problem
from gateway.policy.cases.branches import OUTCOMES, Branch, Branches, branches_of, named
from gateway.policy.cases.branches import Outcome as Answer
from gateway.policy.cases.running import Outcome, lines
from gateway.policy.condition import holds
from gateway.policy.decide import Policy
from gateway.policy.logic import Truth
from gateway.policy.rows import Rule
from gateway.policy.scope import Scope

__all__ = ["BranchUse", "Coverage", "LineUse", "Status", "coverage", "missing_tests"]

Status = Literal["decided", "matched", "met", "never met"]
_NOTHING = Branches((), lambda _scope, _note: True)


@dataclass(frozen=True, slots=True)
class BranchUse:
    """How often a branch turned out which way."""

    branch: Branch
    seen: dict[Answer, int]

    @property
    def missing(self) -> tuple[Answer, ...]:
        return tuple(name for name in OUTCOMES if name in self.branch.wanted and not self.seen.get(name))


@dataclass(frozen=True, slots=True)
class LineUse:
    """In how many cases a line did what: each one counts once, as the most that it is."""

    rule: Rule
    decided: int
    matched: int
    met: int
    tested: bool
    branches: tuple[BranchUse, ...]

    @property
    def does(self) -> str:
        """Its effect, or `oblige`."""
        return "oblige" if self.rule.kind == "o" else self.rule.effect

    @property
    def status(self) -> Status:
        return "decided" if self.decided else "matched" if self.matched else "met" if self.met else "never met"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every line of the policy, in its order."""

    lines: tuple[LineUse, ...]

    @property
    def of_lines(self) -> float:
        """How many of 100 lines decided a case."""
        return _percent(sum(line.decided > 0 for line in self.lines), len(self.lines))

    @property
    def of_branches(self) -> float:
        """How many of 100 outcomes that branches can have were seen."""
        uses = [use for line in self.lines for use in line.branches]
        wanted = sum(len(use.branch.wanted) for use in uses)
        return _percent(wanted - sum(len(use.missing) for use in uses), wanted)

    def reaches(self, least: float) -> bool:
        return self.of_lines >= least and self.of_branches >= least

    def to_json(self) -> dict[str, Any]:
        """A stable shape for `--json`."""
        return {
            "lines_percent": round(self.of_lines, 1),
            "branches_percent": round(self.of_branches, 1),
            "lines": [_line_json(line) for line in self.lines],
        }


def coverage(policy: Policy, found: Sequence[Outcome], *, with_branches: bool = True) -> Coverage:
    """What the cases have seen. Without branches it costs nearly nothing."""
    uses = {rule.where: _Use(rule, branches_of(rule.when) if with_branches and rule.when else _NOTHING)
            for rule in policy.lines}  # fmt: skip
    for one in found:
        rules: dict[str, bool] = {}
        for rule, scope in lines(policy, one.query):
            rules[rule.where] = uses[rule.where].meet(scope) or rules.get(rule.where, False)
        for where, counts in rules.items():
            uses[where].count(one, counts=counts)
    return Coverage(tuple(use.result() for use in uses.values()))


def missing_tests(covered: Coverage, *, partly: bool = False) -> list[Problem]:
    """A warning for each line that restricts and that no case expects to decide. Where the cases are only a part of
    them, nothing is said of lines that none of these is about: another may be.
    """
    lines = [line for line in covered.lines if not (partly and line.status == "never met")]
    return [_missing(line) for line in lines if line.rule.effect != "allow" and not line.tested]


@dataclass(slots=True)
class _Use:
    """The tally of one line."""

    rule: Rule
    branches: Branches
    decided: int = 0
    matched: int = 0
    met: int = 0
    tested: bool = False
    seen: list[dict[Answer, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seen = [{} for _ in self.branches.each]

    def meet(self, scope: Scope) -> bool:
        """Whether it takes part."""
        if self.branches.each:
            answer = self.branches.look(scope, self._note)
        else:
            answer = self.rule.when.test(scope) if self.rule.when else True
        return holds(self.rule.effect, answer)

    def _note(self, number: int, answer: Truth) -> None:
        name = named(answer)
        self.seen[number][name] = self.seen[number].get(name, 0) + 1

    def count(self, one: Outcome, *, counts: bool) -> None:
        if self.rule.where in one.deciders:
            self.decided += 1
            looked_at = self.rule.kind != "o" or one.case.duties is not None
            self.tested = self.tested or (one.ok and looked_at)
        elif counts:
            self.matched += 1
        else:
            self.met += 1

    def result(self) -> LineUse:
        uses = (BranchUse(branch, seen) for branch, seen in zip(self.branches.each, self.seen, strict=True))
        shown = tuple(use for use in uses if use.branch.wanted)
        return LineUse(self.rule, self.decided, self.matched, self.met, self.tested, shown)


def _missing(line: LineUse) -> Problem:
    rule = line.rule
    met: dict[Status, str] = {
        "decided": "; it decides one that expects something else",
        "matched": "; it took part in cases that another line decided",
        "met": "; its condition held in none of those that are about it",
        "never met": "; none is about it",
    }
    hint = f"write one that it must {rule.effect}"
    message = f"no case tests this `{rule.effect}` line{met[line.status]}"
    if rule.kind == "o":
        hint = f"write one with `{rule.cells[0]}` in `duties`"
        said = met[line.status].replace("expects something else", "expects no duties")
        message = f"no case tests this `o` line{said}"
    return Problem(rule.file, rule.line, 1, message, hint, "warning", "untested-line")


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 100.0


def _line_json(line: LineUse) -> dict[str, Any]:
    rule = line.rule
    return {
        "rule": rule.where,
        "effect": line.does,
        "text": rule.text,
        "status": line.status,
        "decided": line.decided,
        "matched": line.matched,
        "met": line.met,
        "tested": line.tested,
        "branches": [_branch_json(use) for use in line.branches],
    }


def _branch_json(use: BranchUse) -> dict[str, Any]:
    return {
        "text": use.branch.text,
        "seen": {name: use.seen.get(name, 0) for name in OUTCOMES},
        "missing": list(use.missing),
    }
