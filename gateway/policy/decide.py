"""Policy: may this subject do this? Pure: a function of the rules and the query; it never raises and never waits.

`allow` lines grant. `ask` and `deny` lines only restrict. deny beats ask beats allow, and the order of lines never
matters. A condition that can't be decided never grants and always restricts. No matching allow line means denied.
With an agent, the user and the agent must both be allowed, and the stricter answer counts.
"""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal, Self

from gateway.call import Subject, Tool
from gateway.duties import Duties, strictest
from gateway.errors import Problem
from gateway.offer import Offer
from gateway.policy.condition import holds
from gateway.policy.globs import covers
from gateway.policy.index import Candidates, Index
from gateway.policy.logic import UNDECIDED
from gateway.policy.readings import always, depends_on_time, sometimes
from gateway.policy.roles import Roles
from gateway.policy.rows import Grant, Obligation, Rule
from gateway.policy.scope import ANY_RUN, AUTH_AGE, Query, RunFacts, Scope, use_of
from gateway.policy.wording import Action, Effect
from gateway.values import value

__all__ = ["Decision", "Hear", "Policy", "Summary", "principals"]

Hear = Callable[[Query, "Decision"], None]  # told of a decision; never raises, never waits
Summary = Literal["allow", "ask", "deny", "depends"]

_STRICTNESS: Mapping[Effect, int] = {"allow": 0, "ask": 1, "deny": 2}
_USES: tuple[Action, ...] = ("call", "read", "get")
_NEW = RunFacts()
_OWN_REQUEST = "nobody approves their own request unless a line says so with subject.is_requester"


@value(frozen=True, slots=True)
class Decision:
    """`rule` is the deciding line, `policies/policy.csv:12`; None for a denial because no line allows.

    `why` is that line's own text. `principal` is whose answer it is, the user's or the agent's. `undecided` says that
    the line restricts because its condition could not be decided. `duties` are what the call must keep to, if it is
    made: by every `o` line that holds for the user, or for the agent.
    """

    effect: Effect
    rule: str | None
    why: str
    principal: str
    undecided: bool = False
    duties: Duties | None = None


def principals(subject: Subject) -> tuple[str, ...]:
    """Everybody who must be allowed."""
    return (subject.user,) if subject.agent is None else (subject.user, subject.agent)


def _is_for_all(rule: Rule) -> bool:
    """Whether it is the same for everybody."""
    return rule.who == rule.tenant == "*" and rule.when is None


class Policy:
    """One immutable reading of the policy files. `digest` is the SHA-256 of their content, in hex.

    Safe to share between threads and tasks. `warnings` are findings that did not keep it from being used. `timed` says
    that time alone may change an answer, in steps of a second; `traces`, that a line asks where a value came from;
    `ages`, that one asks when the user has shown who he is; `impartial`, that its `p` lines are for all and without
    conditions. Whoever decides about a call tells `hear`, if there is one: so a candidate is compared with what is in
    force.
    """

    custom = False  # decided by our own evaluator, under the shipped model

    __slots__ = (
        "_hides",
        "_index",
        "_obliging",
        "ages",
        "digest",
        "grants",
        "hear",
        "impartial",
        "obligations",
        "roles",
        "rules",
        "timed",
        "traces",
        "warnings",
    )

    def __init__(
        self,
        rules: Iterable[Rule],
        grants: Iterable[Grant] = (),
        digest: str = "",
        warnings: Iterable[Problem] = (),
        obligations: Iterable[Obligation] = (),
    ) -> None:
        self.rules, self.grants = tuple(rules), tuple(grants)
        self.digest, self.warnings = digest, tuple(warnings)
        self.hear: Hear | None = None
        self.roles = Roles.of(self.grants)
        self.timed = any(rule.when is not None and depends_on_time(rule.when) for rule in self.rules)
        self.impartial = not self.custom and all(_is_for_all(rule) for rule in self.rules)
        self.obligations = tuple(obligations)
        self.traces = any(rule.when is not None and rule.when.traces for rule in self.lines)
        self.ages = any(rule.when is not None and rule.when.mentions(AUTH_AGE) for rule in self.lines)
        self._hides = any(rule.action == "list" for rule in self.rules)
        self._index = Index(self.rules, self.roles)
        self._obliging = Index([each.rule for each in self.obligations], self.roles) if self.obligations else None

    def __repr__(self) -> str:
        return f"Policy({len(self.rules)} rules, {len(self.grants)} grants, {self.digest[:12]})"

    @property
    def lines(self) -> tuple[Rule, ...]:
        """Every `p` line, and every `o` line as one that restricts."""
        return *self.rules, *(each.rule for each in self.obligations)

    def overheard(self, hear: Hear | None) -> Self:
        """The same policy, with somebody who is told of what is decided about calls."""
        twin = copy.copy(self)
        twin.hear = hear
        return twin

    def decide(self, query: Query) -> Decision:
        """The answer, and the line that gives it. Equal answers of user and agent are reported as the user's."""
        decision = self._for_all(query)
        if self._obliging is None or decision.effect == "deny":
            return decision
        return replace(decision, duties=strictest(each.duties for each in self.obliging(query)))

    def obliging(self, query: Query) -> list[Obligation]:
        """The `o` lines that hold for this, for the user or for the agent. One that can't be decided holds."""
        if self._obliging is None:
            return []
        found = [
            rule
            for asked in (query, *query.readings)
            for principal in principals(query.subject)
            for rule in self.that_may_oblige(asked, principal)
            if rule.when is None or holds("ask", rule.when.test(self.scope(asked, principal)))
        ]
        places = {rule.where for rule in found}
        return [each for each in self.obligations if each.where in places]

    def that_may_oblige(self, query: Query, principal: str) -> tuple[Rule, ...]:
        """The `o` lines for this principal, action, tenant and object, whatever their conditions say."""
        index = self._obliging
        return index.candidates(principal, query.subject.tenant, query.action, query.object).ask if index else ()

    def _for_all(self, query: Query) -> Decision:
        subject = query.subject
        judge = self.judge if ":" in query.object else self.judged_as_written
        decision = judge(query, subject.user)
        if subject.agent is None or decision.effect == "deny":
            return decision
        if not _is_agent(subject.agent):
            return Decision("deny", None, f"`{subject.agent}` is not an agent", subject.agent)
        ceiling = judge(query, subject.agent)
        return ceiling if _STRICTNESS[ceiling.effect] > _STRICTNESS[decision.effect] else decision

    def candidates(self, query: Query, principal: str) -> Candidates:
        """The lines for this principal, action, tenant and object, whatever their conditions say."""
        return self._index.candidates(principal, query.subject.tenant, query.action, query.object)

    def counting(self, query: Query, principal: str) -> frozenset[str]:
        """Where the lines stand that take part in the decision, because their conditions say so."""
        found, scope = self.candidates(query, principal), self.scope(query, principal)
        lines = (*found.deny, *found.ask, *found.allow)
        return frozenset(
            rule.where for rule in lines if holds(rule.effect, rule.when.test(scope) if rule.when else True)
        )

    def asking(self, query: Query) -> list[Rule]:
        """The `ask` lines that take part, the user's before the agent's. One that can't be decided does."""
        questions = (query, *query.readings)
        people = principals(query.subject)
        each = (rule for principal in people for asked in questions for rule in self.that_ask(asked, principal))
        return list({rule.where: rule for rule in each}.values())

    def that_ask(self, query: Query, principal: str) -> list[Rule]:
        """The same for one of the subject's principals alone."""
        found, scope = self.candidates(query, principal).ask, self.scope(query, principal)
        return [rule for rule in found if rule.when is None or holds("ask", rule.when.test(scope))]

    def alone(self, rule: Rule, *grants: Grant) -> "Policy":
        """This line and no other, with more grants: to find out what it lacks."""
        return Policy([rule], [*self.grants, *grants])

    def granting(self, *grants: Grant) -> "Policy":
        """The same `p` lines with more grants: to find out what these would change."""
        return Policy(self.rules, [*self.grants, *grants])

    def scope(self, query: Query, principal: str) -> Scope:
        """What conditions see."""
        return Scope(query, principal, self._index.roles_of(principal, query.subject.tenant))

    def visible(self, subject: Subject, thing: Tool | Offer, now: datetime, run: RunFacts = ANY_RUN) -> bool:
        """Whether its use could be allowed or asked for with some arguments, and no `list` line hides it.

        Without `run`: in some run, whatever it has done. A tool is used by calling it, a resource by reading it, a
        prompt by getting it. A template of resources is looked at as it is written, braces and all, as if that were a
        URI.
        """
        if not _is_agent(subject.agent):
            return False
        use, path = use_of(thing), thing.path
        for principal in principals(subject):
            found = self._index.candidates(principal, subject.tenant, use, path)
            if not found.allow:
                return False
            hiding = self._index.candidates(principal, subject.tenant, "list", path) if self._hides else _NOTHING
            plain = not (found.conditional or hiding.conditional)
            scope = None if plain else self.scope(self._query(subject, use, thing, now, run), principal)
            if not _usable(found, scope) or (hiding.deny and any(always(rule, scope) for rule in hiding.deny)):
                return False
        return type(thing) is Tool or not self._barred(self._query(subject, use, thing, now, run))

    def _barred(self, use: Query) -> bool:
        """Whether a line takes away in every case what can be read otherwise than it is written."""
        return any(
            always(rule, self.scope(asked, principal))
            for other in use.readings
            for principal in principals(use.subject)
            for asked in (other, replace(other, action="list"))
            for rule in self.candidates(asked, principal).deny
        )

    def may_use(self, subject: Subject, server: str, now: datetime) -> bool:
        """Whether anything of this server could be allowed or asked for in some run, as far as can be said without
        knowing what it has: some line grants it, and no other takes all of that away, or hides it.
        """
        return _is_agent(subject.agent) and all(
            any(self._may(Query(subject, use, f"{server}/*", None, None, ANY_RUN, now), principal) for use in _USES)
            for principal in principals(subject)
        )

    def _may(self, query: Query, principal: str) -> bool:
        scope, server = self.scope(query, principal), query.object.partition("/")[0]
        found, hiding = (
            self._index.of_server(principal, query.subject.tenant, action, server) for action in (query.action, "list")
        )
        barred = [rule for rule in (*found.deny, *hiding.deny) if rule.when is None or rule.when.test(scope) is True]
        return any(
            (rule.when is None or rule.when.test(scope) is not False)
            and not any(covers(no.tool.name, rule.tool.name) for no in barred)
            for rule in found.allow
        )

    def summary(self, subject: Subject, thing: Tool | Offer, now: datetime, run: RunFacts = _NEW) -> Summary:
        """What its use would get: the same for all arguments, or `depends`. Without `run`: in one that begins."""
        best, worst = self._bounds(self._query(subject, use_of(thing), thing, now, run))
        return best if best == worst else "depends"

    def _query(self, subject: Subject, action: str, thing: Tool | Offer, now: datetime, run: RunFacts) -> Query:
        known = {"uri": thing.name} if isinstance(thing, Offer) and thing.kind == "resource" else None
        return Query(subject, action, thing.path, known, thing, run, now)

    def judge(self, query: Query, principal: str) -> Decision:
        """The answer for one of the subject's principals alone; `decide` is what counts. Of a URI, the strictest that
        one of its readings gets (`gateway.aliases`); what a server lists need be allowed as it is listed only.
        """
        decision = self.judged_as_written(query, principal)
        for other in query.readings:
            found = self.judged_as_written(other, principal)
            barred = found.rule is not None or not query.offered
            if barred and _STRICTNESS[found.effect] > _STRICTNESS[decision.effect]:
                decision = found
        return decision

    def judged_as_written(self, query: Query, principal: str) -> Decision:
        """The same for what is no URI, or for one reading of it."""
        found = self._index.candidates(principal, query.subject.tenant, query.action, query.object)
        scope = self.scope(query, principal) if found.conditional else None
        denied = _first(found.deny, scope, principal)
        if denied:
            return denied
        if query.base:
            return self._resting(query.base, principal)
        allowed = _first(found.allow, scope, principal)
        if not allowed:
            return Decision("deny", None, found.wrong or self._default(query, principal), principal)
        return _first(found.ask, scope, principal) or allowed

    def _resting(self, base: Query, principal: str) -> Decision:
        """Allowed wherever the base could be allowed or asked for, with some arguments."""
        scope = self.scope(base, principal)
        if self.bounds_of(base, principal)[0] == "deny":
            return self.judged_as_written(base, principal)
        line = next(rule for rule in self.candidates(base, principal).allow if sometimes(rule, scope))
        return Decision("allow", line.where, line.why, principal)

    def _default(self, query: Query, principal: str) -> str:
        if query.action == "approve" and query.requester in (None, query.subject.user):
            return f"no line allows {principal} to approve {query.object}; {_OWN_REQUEST}"
        return f"no line allows {principal} to {query.action} {query.object}"

    def _bounds(self, query: Query) -> tuple[Effect, Effect]:
        """The mildest and the strictest answer that some arguments could get."""
        if not _is_agent(query.subject.agent):
            return "deny", "deny"
        bounds = [self.bounds_of(query, principal) for principal in principals(query.subject)]
        return max((best for best, _ in bounds), key=_strictness), max((worst for _, worst in bounds), key=_strictness)

    def bounds_of(self, query: Query, principal: str) -> tuple[Effect, Effect]:
        """The same for one of the subject's principals alone."""
        found, scope = self.candidates(query, principal), self.scope(query, principal)
        if not _usable(found, scope):
            return "deny", "deny"
        best: Effect = "ask" if any(always(rule, scope) for rule in found.ask) else "allow"
        if any(sometimes(rule, scope) for rule in found.deny) or not any(always(rule, scope) for rule in found.allow):
            return best, "deny"
        return best, "ask" if any(sometimes(rule, scope) for rule in found.ask) else "allow"


def _is_agent(name: str | None) -> bool:
    """Whether this can stand in a subject's place for the agent; also when it is empty."""
    return name is None or name.startswith("agent:")


def _strictness(effect: Effect) -> int:
    return _STRICTNESS[effect]


def _first(rules: tuple[Rule, ...], scope: Scope | None, principal: str) -> Decision | None:
    """What the first rule says that takes part. `scope` None: none of them has a condition."""
    for rule in rules:
        answer = True if rule.when is None or scope is None else rule.when.test(scope)
        if answer is not False and holds(rule.effect, answer):
            return Decision(rule.effect, rule.where, rule.why, principal, answer is UNDECIDED)
    return None


_NOTHING = Candidates()


def _usable(found: Candidates, scope: Scope | None) -> bool:
    """Whether some arguments could be allowed or asked for: the question that a list asks of every tool."""
    for rule in found.allow:  # asked of every tool for every list: `any()` takes twice the time
        if sometimes(rule, scope):
            break
    else:
        return False
    return not found.deny or not any(always(rule, scope) for rule in found.deny)
