"""What is doubtful about policy files that can be read: findings for `toolgate policy check`.

Each kind of finding is a module:

    finding      every rule by its stable name, and how a finding is made
    alone        lines that are doubtful by themselves
    among        lines that others make useless
    people       roles, members and tenants that are not there
    impossible   texts that a name can never be, by how such texts are written; below it
    sayings      the texts that a condition compares with what it knows
    never        parts of a condition that can never be true, or never again
    named        conditions about tools, servers, roles and tenants that are not there
    tools        patterns that match no tool, arguments that no tool takes
    kinds        arguments of another kind, or with other values, than the schema says; below it
    schemas      what a schema says of one path
    uses         what a condition does with each argument
    destructive  tools that destroy, and nothing stands in between
    budgets      names in budgets.toml that nothing has
    ignoring     `# check: ignore RULE`
    sarif        the findings for code-scanning tools
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from gateway.catalogue import Catalogue
from gateway.errors import PolicyError, Problem
from gateway.policy.decide import Policy
from gateway.policy.files import read_sources, writable_by_all
from gateway.policy.lint.alone import doubtful, idle
from gateway.policy.lint.among import repeated, useless
from gateway.policy.lint.destructive import unguarded
from gateway.policy.lint.finding import of_error
from gateway.policy.lint.ignoring import ignored, left
from gateway.policy.lint.impossible import impossible
from gateway.policy.lint.named import unheard_of
from gateway.policy.lint.never import never
from gateway.policy.lint.people import People, strangers, unreachable
from gateway.policy.lint.tools import against
from gateway.policy.load import build

__all__ = ["Checked", "check", "findings"]


@dataclass(frozen=True, slots=True)
class Checked:
    """Every error if the files can't be used; else every warning, but for as many as the files ask to leave out."""

    problems: tuple[Problem, ...]
    left_out: int = 0

    @property
    def usable(self) -> bool:
        return all(problem.level != "error" for problem in self.problems)


def check(
    model: str | Path,
    policy: str | Path,
    catalogue: Catalogue | None = None,
    people: People | None = None,
    more: Sequence[Problem] = (),
) -> Checked:
    """Reads the files and looks them over; `more` is what others have found in them. Never raises for what they say."""
    try:
        sources = read_sources(Path(policy))
        found = build(*read_sources(Path(model)), sources=sources)
    except PolicyError as error:
        return Checked(tuple(of_error(problem, "invalid-policy") for problem in error.problems))
    wishes, wrong = ignored(sources)
    open_files = [problem for path in (model, policy) for problem in writable_by_all(Path(path))]
    told = [*found.warnings, *open_files, *wrong, *findings(found, catalogue, people, datetime.now(UTC).date()), *more]
    kept = left(told, wishes)
    return Checked(tuple(sorted(kept, key=_place)), len(told) - len(kept))


def findings(
    policy: Policy, catalogue: Catalogue | None = None, people: People | None = None, today: date | None = None
) -> list[Problem]:
    """The lints alone; what is None is not known, and nothing is compared with it. Pure."""
    found = [problem for line in policy.lines for problem in (*doubtful(line), *impossible(line), *never(line, today))]
    found += [problem for one in policy.obligations for problem in idle(one)]
    found += [*repeated(policy), *useless(policy), *unreachable(policy), *unheard_of(policy, catalogue, people)]
    if people is not None:
        found += strangers(policy, people)
    if catalogue is not None:
        found += [*against(policy, catalogue), *unguarded(policy, catalogue)]
    return found


def _place(problem: Problem) -> tuple[str, int, int]:
    return problem.file, problem.line, problem.column
