"""Cases put to a policy. Pure, but for `run_tests`, which reads the table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.call import Action, Tool
from gateway.offer import Offer
from gateway.policy.cases.case import Case
from gateway.policy.cases.reading import read_cases
from gateway.policy.condition import holds
from gateway.policy.decide import Decision, Policy, principals
from gateway.policy.loosening import same
from gateway.policy.rows import Rule
from gateway.policy.scope import Query, Scope

__all__ = ["Failure", "Known", "Outcome", "lines", "outcome", "outcomes", "run_tests"]

Known = Callable[[Action, str], Tool | Offer | None]
"""What is known of a tool (a resource, a prompt) about which a case says nothing: `Catalogue.find` is one."""

_FINDS: Mapping[str, Action] = {"read": "read", "subscribe": "read", "get": "get", "complete": "complete"}


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that did not get what it expected. `query` is what was really asked: with all that is known."""

    case: Case
    got: Decision
    query: Query

    def __str__(self) -> str:
        return f"{self.case.where}: {self.message}"

    @property
    def message(self) -> str:
        by = f" by {self.got.rule}" if self.got.rule else ""
        keeping = f" with {self.got.duties or 'no duties'}" if self.case.duties is not None else ""
        got = f"{self.got.effect}{by}{keeping} ({self.got.why})"
        return f"`{self.case.name}` expected {self.case.expected}, got {got}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case with its answer. `deciders` are the lines that gave it: one for the user and one for the agent, where both
    got it; and those that say what the call must keep to.
    """

    case: Case
    query: Query
    got: Decision
    deciders: frozenset[str]

    @property
    def ok(self) -> bool:
        """Whether it got what it expected, from the line that it expected, with the duties that it expected."""
        case, rule = self.case, self.got.rule or "none"
        by_line = not case.line or rule == case.line or rule.endswith(f"/{case.line}")
        keeping = case.duties is None or same(self.got.duties, case.duties)
        return self.got.effect == case.expect and by_line and case.why in self.got.why and keeping

    @property
    def failure(self) -> Failure:
        return Failure(self.case, self.got, self.query)


def _nothing(_action: Action, _path: str) -> None:
    return None


def run_tests(policy: Policy, path: str | Path, known: Known = _nothing) -> list[Failure]:
    """Puts every case of the table to the policy; empty means that all hold. Raises PolicyError for a wrong table."""
    return [found.failure for found in outcomes(policy, read_cases([Path(path)]), known) if not found.ok]


def outcomes(policy: Policy, cases: Sequence[Case], known: Known) -> list[Outcome]:
    """What each case got, in their order."""
    return [outcome(policy, case, known) for case in cases]


def outcome(policy: Policy, case: Case, known: Known) -> Outcome:
    """The answer to one case."""
    query = case.query
    if not case.about_tool and (thing := known(_FINDS.get(query.action, "call"), query.object)):
        query = replace(query, tool=thing)
    if query.action == "list":
        got = _listed(policy, query)
        return Outcome(case, query, got, frozenset({got.rule} if got.rule else ()))
    got = policy.decide(query)
    return Outcome(case, query, got, frozenset(rule for rule in _rules(policy, query, got) if rule))


def _rules(policy: Policy, query: Query, got: Decision) -> Iterator[str | None]:
    yield got.rule
    yield from got.duties.rules if got.duties else ()
    if query.subject.agent:
        answers = (policy.judge(query, principal) for principal in principals(query.subject))
        yield from (answer.rule for answer in answers if answer.effect == got.effect)


def lines(policy: Policy, query: Query) -> Iterator[tuple[Rule, Scope]]:
    """Every line that is about the question, with what its condition sees: for the user, and for the agent."""
    for asked in (query, query.base) if query.base else (query,):
        for principal in principals(query.subject):
            found, scope = policy.candidates(asked, principal), policy.scope(asked, principal)
            obliging = policy.that_may_oblige(query, principal) if asked is query else ()
            for rule in (*found.deny, *found.ask, *found.allow, *obliging):
                yield rule, scope


def _listed(policy: Policy, query: Query) -> Decision:
    """Whether it is listed: `allow` or `deny`. A `list` line can only hide what could be used."""
    user = query.subject.user
    server, _, name = query.object.partition("/")
    thing = query.tool or Tool(server, name, {"name": name}, "")
    if policy.visible(query.subject, thing, query.now, query.run):
        return Decision("allow", None, "listed", user)
    hiding = (rule for rule, scope in lines(policy, replace(query, tool=thing)) if _hides(rule, scope))
    line = next(hiding, None)
    if line:
        return Decision("deny", line.where, line.why, user)
    return Decision("deny", None, f"{query.subject} can't use {query.object}", user)


def _hides(rule: Rule, scope: Scope) -> bool:
    """As `Policy.visible` sees it: whatever the arguments are."""
    if rule.when is None:
        return True
    return holds(rule.effect, rule.when.test(scope)) and not rule.when.mentions("args")
