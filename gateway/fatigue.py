"""How people answer, by the rule that asked: who always says yes has stopped reading. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from gateway.accounts import budget_of
from gateway.approval import Approval

__all__ = ["ENOUGH", "MOST", "QUICK", "Habit", "habits"]

ENOUGH = 50  # answers, before anything is said about a rule
MOST = 0.95  # of them that may be a yes
QUICK = 2_000  # milliseconds: nobody reads a call in less


@dataclass(frozen=True, slots=True)
class Habit:
    """Answers to the questions of one rule, or of a budget (`of_budget`): then `rule` is "budget `refunds`". `millis`
    is the median time that they took; `approvals` are those with a yes, the newest last.
    """

    rule: str
    approved: int
    denied: int
    expired: int
    millis: int
    approvals: tuple[Approval, ...] = ()
    of_budget: bool = False

    @property
    def answers(self) -> int:
        return self.approved + self.denied

    @property
    def rate(self) -> float:
        """Of the answers, how many were a yes."""
        return self.approved / self.answers if self.answers else 0.0

    @property
    def tired(self) -> bool:
        """Whether nearly every answer is a yes: then the question protects nobody."""
        return self.answers >= ENOUGH and self.rate > MOST

    def to_json(self) -> dict[str, Any]:
        counted = {name: getattr(self, name) for name in ("rule", "approved", "denied", "expired")}
        return counted | {"rate": round(self.rate, 4), "median_ms": self.millis, "tired": self.tired}


def habits(approvals: Iterable[Approval]) -> tuple[Habit, ...]:
    """For each rule and each budget that has asked, those first that are answered with yes most often. What nobody
    answered counts for nothing but itself.
    """
    by_rule: dict[str, list[Approval]] = defaultdict(list)
    by_budget: dict[str, list[Approval]] = defaultdict(list)
    for asked in approvals:
        if asked.rule is not None:
            by_rule[asked.rule].append(asked)
        else:
            for name in {name for reason in asked.reasons if (name := budget_of(reason)) is not None}:
                by_budget[f"budget `{name}`"].append(asked)
    of_budgets = (replace(_habit(name, asked), of_budget=True) for name, asked in by_budget.items())
    found = (*(_habit(rule, asked) for rule, asked in by_rule.items()), *of_budgets)
    return tuple(sorted(found, key=lambda habit: (not habit.tired, -habit.rate, -habit.answers, habit.rule)))


def _habit(rule: str, asked: list[Approval]) -> Habit:
    decided = [one for one in asked if one.decisions and one.decided_at is not None]
    yes = [one for one in decided if one.decisions[-1].decision == "approved"]
    took = [one.decided_at - one.created for one in decided if one.decided_at is not None]
    expired = sum(one.state == "expired" for one in asked)
    return Habit(rule, len(yes), len(decided) - len(yes), expired, round(median(took)) if took else 0, tuple(yes))
