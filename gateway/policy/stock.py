"""Decisions under a model of one's own, by Casbin's own engine: right, and slower.

The only module beside the tests' oracle that imports casbin; `load` does it for a custom model alone. What makes the
engine fit to decide about real requests:

- roles come from `roles`, not from Casbin's role managers, which remember every name that they are asked about;
- lines that can be seen not to match are left out, because Casbin looks at each line for each question;
- an engine without lines is never asked: it would match its matcher against empty texts;
- `ask` is taken out before the engine decides whether something may happen at all, and read as `deny` when it decides
  whether it may happen without a person, so that it only ever restricts;
- lines of equal priority are put in the order deny, ask, allow, so that the order of files means nothing;
- one question at a time (the lines of an engine are changed for each), and whatever it raises is a denial.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Literal, TypeVar

import casbin

from gateway.call import Subject, Tool
from gateway.errors import Problem
from gateway.offer import Offer
from gateway.policy.condition import holds
from gateway.policy.custom import EffectKind, Model
from gateway.policy.decide import Decision, Policy, principals
from gateway.policy.index import Candidates, Index
from gateway.policy.logic import UNDECIDED
from gateway.policy.readings import always, sometimes
from gateway.policy.roles import Roles
from gateway.policy.rows import Grant, Obligation, Row, Rule
from gateway.policy.scope import ANY_RUN, Query, RunFacts, Scope, use_of
from gateway.policy.wording import Effect

__all__ = ["CasbinPolicy"]

T = TypeVar("T")

# Of all policies: Python's parser, which Casbin calls for each question, does not bear being called by two threads.
_ONE_AT_A_TIME = threading.RLock()

log = logging.getLogger("toolgate.policy")

# exact: as the question is. best, worst: for the arguments and the run that get the mildest, the strictest answer.
Reading = Literal["exact", "best", "worst", "any"]
_SAME_ACTION, _SAME_TOOL = "(r.act == p.act)", "tool(r.obj, p.obj)"
_CACHED = 1024
_LONGEST_KEY = 512  # characters; longer names are not remembered
_ORDER: Mapping[Effect, int] = {"deny": 0, "ask": 1, "allow": 2}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What stands for `ctx` in a request: what conditions see, and how they are read."""

    scope: Scope
    reading: Reading

    def takes_part(self, rule: Rule) -> bool:
        if self.reading == "any" or rule.when is None:
            return True
        if self.reading == "exact":
            return holds(rule.effect, rule.when.test(self.scope))
        widest = (self.reading == "best") == (rule.effect == "allow")
        return (sometimes if widest else always)(rule, self.scope)


class _Links:
    """A role manager of Casbin's that remembers nothing without bound. Tenant `*` of a grant is every tenant."""

    def __init__(self, grants: Iterable[Grant]) -> None:
        self._index = Index((), Roles.of(grants))

    def has_link(self, member: str, role: str, tenant: str = "*") -> bool:
        return member == role or role in self._index.roles_of(member, tenant)


class _Engine:
    """A stock enforcer over some of the lines. `lines` says with each what Casbin is told that its effect is."""

    def __init__(
        self, model: Model, lines: Sequence[tuple[Rule, Effect]], links: Mapping[str, _Links], effect: EffectKind
    ) -> None:
        self._model = model
        self._enforcer = casbin.Enforcer(casbin.Enforcer.new_model(text=model.text(effect)), enable_log=False)
        self._rules = {rule.where: rule for rule, _ in lines}
        self._tools = {rule.tool.text: rule.tool for rule, _ in lines}
        self._rows = [self._row(rule, told) for rule, told in lines]
        self._of_row = {id(row): rule for row, (rule, _) in zip(self._rows, lines, strict=True)}
        conjuncts = model.matcher.conjuncts
        self._same_action, self._same_tool = _SAME_ACTION in conjuncts, _SAME_TOOL in conjuncts
        self._worth_asking = lru_cache(_CACHED)(self._find)
        for function in (self.in_tenant, self.tool, self.when):
            self._enforcer.add_function(function.__name__, function)
        for name, known in links.items():
            self._enforcer.model["g"][name].rm = known

    def _row(self, rule: Rule, told: Effect) -> list[str]:
        own = {"when": rule.where if rule.when else "", "eft": told}
        return [own.get(name, cell) for name, cell in zip(self._model.policy, rule.cells, strict=rule.kind == "p")]

    # ---- the functions that a matcher may call

    def in_tenant(self, asked: str, written: str) -> bool:
        return written in ("*", asked)

    def tool(self, path: str, pattern: str) -> bool:
        server, _, name = path.partition("/")
        return self._tools[pattern].matches(server, name)

    def when(self, key: str, asked: _Asked, _effect: str = "") -> bool:
        """`key` is the place of the line: an effect that Casbin was told otherwise is not what counts here."""
        return not key or asked.takes_part(self._rules[key])

    # ---- questions

    def ask(self, query: Query, asked: _Asked) -> tuple[bool, Rule | None]:
        """Casbin's answer, and the line that it names: the one that decides. Without lines the answer is no."""
        find = self._worth_asking if len(query.object) <= _LONGEST_KEY else self._find
        rows = find(query.action, query.object)
        if not rows:
            return False, None
        self._enforcer.model["p"]["p"].policy = rows
        allowed, row = self._enforcer.enforce_ex(*self._values(query, asked))
        return allowed is True, self._of_row.get(id(row))

    def matching(self, query: Query, asked: _Asked) -> list[Rule]:
        """Every line that the matcher matches, one at a time."""
        values, found = self._values(query, asked), []
        for row in self._find(query.action, query.object):
            self._enforcer.model["p"]["p"].policy = [row]
            if self._enforcer.enforce_ex(*values)[0] is True:
                found.append(self._of_row[id(row)])
        return found

    def _find(self, action: str, path: str) -> list[list[str]]:
        """The lines that the matcher may match, in their order: without those in which one of the operands of its
        outermost `&&` can be seen not to hold. Of 1,000 lines a handful is left, and Casbin is asked about these.
        """
        server, _, name = path.partition("/")
        return [
            row
            for row in self._rows
            if not (self._same_action and self._of_row[id(row)].action != action)
            and not (self._same_tool and not self._of_row[id(row)].tool.matches(server, name))
        ]

    def _values(self, query: Query, asked: _Asked) -> list[object]:
        subject = query.subject
        known = {"sub": asked.scope.principal, "dom": subject.tenant, "obj": query.object, "act": query.action}
        return [known.get(name, asked) for name in self._model.request]


class CasbinPolicy(Policy):
    """A `Policy` whose model is not the shipped one. The same questions, the same answers; safe between threads."""

    __slots__ = ("_alone", "_at_all", "_barring", "_each", "_grants", "_inverted", "_members", "_obliged", "model")

    custom = True

    def __init__(self, model: Model, rows: Iterable[Row], digest: str = "", warnings: Iterable[Problem] = ()) -> None:
        rows = tuple(rows)
        rules, grants = [row for row in rows if isinstance(row, Rule)], [row for row in rows if isinstance(row, Grant)]
        obligations = [row for row in rows if isinstance(row, Obligation)]
        super().__init__(rules, [grant for grant in grants if grant.kind == "g"], digest, warnings, obligations)
        self.model, self._grants = model, grants
        self._members = sorted({grant.member for grant in grants if grant.kind != "g"})
        self._inverted = model.effect == "allow-override"
        links = {name: _Links(grant for grant in grants if grant.kind == name) for name in model.roles}
        lines = _ordered(model, rules)
        self._at_all = _Engine(model, _told(lines, {"allow": "allow", "deny": "deny"}), links, model.effect)
        # Without a person: no line that asks may match. Where no `deny` counts, the engine is asked whether one does.
        alone = _ASKING if self._inverted else _ALONE
        self._alone = _Engine(model, _told(lines, alone), links, model.effect)
        self._barring = _Engine(model, _told(lines, {"deny": "allow"}), links, "allow-override")
        self._each = _Engine(model, _told(lines, _EVERY), links, "allow-override")
        obliging = _told([each.rule for each in obligations], _EVERY)
        self._obliged = _Engine(model, obliging, links, "allow-override") if obliging else None

    # ---- what `Policy` asks

    def judged_as_written(self, query: Query, principal: str) -> Decision:
        """The answer for one of the subject's principals alone, for what is no URI, or for one reading of it."""
        failed = Decision("deny", None, "the policy could not be decided; the log says why", principal)
        return self._safely(lambda: self._judged(query, principal), failed)

    def candidates(self, query: Query, principal: str) -> Candidates:
        """The lines that the matcher matches, whatever their conditions say. Slow: one line at a time."""
        if wrong := self._misasked(query, principal):
            return Candidates(wrong=wrong)
        asked = _Asked(self.scope(query, principal), "any")
        found: list[Rule] = self._safely(lambda: self._each.matching(query, asked), [])
        found.sort(key=_place)
        deny, ask, allow = (tuple(rule for rule in found if rule.effect == effect) for effect in _ORDER)
        return Candidates(deny, ask, allow, any(rule.when for rule in found))

    def counting(self, query: Query, principal: str) -> frozenset[str]:
        """By priority, what stands behind the first line that allows or denies does not count."""
        asked = _Asked(self.scope(query, principal), "exact")
        found: list[Rule] = self._safely(lambda: self._each.matching(query, asked), [])
        if self.model.effect == "priority":
            first = next((at for at, rule in enumerate(found) if rule.effect != "ask"), len(found))
            found = found[: first + 1]
        return frozenset(rule.where for rule in found)

    def that_ask(self, query: Query, principal: str) -> list[Rule]:
        places = self.counting(query, principal)
        return [rule for rule in self.rules if rule.effect == "ask" and rule.where in places]

    def alone(self, rule: Rule, *grants: Grant) -> Policy:
        return CasbinPolicy(self.model, [rule, *self._grants, *grants])

    def granting(self, *grants: Grant) -> Policy:
        return CasbinPolicy(self.model, [*self.rules, *self._grants, *grants])

    def obliging(self, query: Query) -> list[Obligation]:
        """The `o` lines that the matcher matches, for the user or for the agent, as it would match a `p` line."""
        people = principals(query.subject) if self._obliged else ()
        questions = (query, *query.readings)
        lines = (self._that_oblige(asked, principal, "exact") for principal in people for asked in questions)
        places = {rule.where for found in lines for rule in found}
        return [each for each in self.obligations if each.where in places]

    def that_may_oblige(self, query: Query, principal: str) -> tuple[Rule, ...]:
        return tuple(self._that_oblige(query, principal, "any"))

    def _that_oblige(self, query: Query, principal: str, reading: Reading) -> list[Rule]:
        """Where Casbin can't say it, all of them."""
        engine = self._obliged
        if engine is None:
            return []
        asked = _Asked(self.scope(query, principal), reading)
        return self._safely(lambda: engine.matching(query, asked), [each.rule for each in self.obligations])

    def visible(self, subject: Subject, thing: Tool | Offer, now: datetime, run: RunFacts = ANY_RUN) -> bool:
        """Whether its use could be allowed or asked for with some arguments, and no `list` line hides it."""
        use = self._query(subject, use_of(thing), thing, now, run)
        return (subject.agent is None or subject.agent.startswith("agent:")) and all(
            self._usable(use, principal)
            and not self._hidden(use, principal)
            and not any(self._hidden(other, principal) or self._taken(other, principal) for other in use.readings)
            for principal in principals(subject)
        )

    def _taken(self, query: Query, principal: str) -> bool:
        """Whether a line takes away all of its use."""

        def taken() -> bool:
            effect, rule = self._verdict(query, principal, "best")
            return effect == "deny" and rule is not None

        return self._safely(taken, True)

    def _usable(self, query: Query, principal: str) -> bool:
        asked = not self._misasked(query, principal)
        return asked and self._safely(lambda: self._verdict(query, principal, "best")[0] != "deny", False)

    def _hidden(self, query: Query, principal: str) -> bool:
        listing = replace(query, action="list")
        return self._safely(lambda: self._asked(self._barring, listing, principal, "best")[0], True)

    def bounds_of(self, query: Query, principal: str) -> tuple[Effect, Effect]:
        if self._misasked(query, principal):
            return "deny", "deny"
        return self._safely(lambda: self._span(query, principal), ("deny", "deny"))

    def _may(self, query: Query, principal: str) -> bool:
        """Whether anything could be used that is called as some line, or some group, says."""
        names = (self._sample(query, rule) for rule in self.rules if rule.effect == "allow")
        server = query.object.partition("/")[0]
        groups = (name for name in self._members if name.startswith(f"{server}/"))
        return any(
            self._usable(asked, principal) and not self._hidden(asked, principal)
            for asked in (replace(query, object=name) for name in sorted({*names, *groups} - {""}))
        )

    def _sample(self, query: Query, rule: Rule) -> str:
        """Something of the server that the line may be about; empty for a line that is about another."""
        server = query.object.partition("/")[0]
        if not rule.tool.matches_server(server):
            return ""
        return f"{server}/" + rule.tool.name.replace("*", "x").replace("?", "x")

    # ---- asking

    def _judged(self, query: Query, principal: str) -> Decision:
        if wrong := self._misasked(query, principal):
            return Decision("deny", None, wrong, principal)
        if not query.base:
            return self._told_by(*self._verdict(query, principal, "exact"), query, principal)
        barred, rule = self._asked(self._barring, query, principal, "exact")
        if barred:
            return self._told_by("deny", rule, query, principal)
        effect, rule = self._verdict(query.base, principal, "best")
        if effect == "deny":
            return self._judged(query.base, principal)
        return self._told_by("allow", rule, query.base, principal)

    def _misasked(self, query: Query, principal: str) -> str:
        return self._index.candidates(principal, query.subject.tenant, query.action, query.object).wrong

    def _span(self, query: Query, principal: str) -> tuple[Effect, Effect]:
        best = self._verdict(query, principal, "best")[0]
        return best, "deny" if best == "deny" else self._verdict(query, principal, "worst")[0]

    def _verdict(self, query: Query, principal: str, reading: Reading) -> tuple[Effect, Rule | None]:
        allowed, rule = self._asked(self._at_all, query, principal, reading)
        if allowed and not self._is_for_two(query, principal, reading):
            return "deny", None
        if not allowed:
            return "deny", rule
        alone, other = self._asked(self._alone, query, principal, reading)
        return ("ask", other) if alone is self._inverted else ("allow", rule)

    def _is_for_two(self, query: Query, principal: str, reading: Reading) -> bool:
        """Whether somebody else asked; or a line of this principal speaks of his own requests, and its condition holds.
        The matcher has no say in it: `|| r.sub == "user:root"` passes over every condition.
        """
        if query.action != "approve" or query.requester not in (None, query.subject.user):
            return True
        asked = _Asked(self.scope(query, principal), reading)
        people = {"*", principal, *asked.scope.roles}
        return any(
            (rule.action, rule.effect) == ("approve", "allow")
            and rule.who in people
            and rule.when is not None
            and asked.takes_part(rule)
            for rule in self._each.matching(query, asked)
        )

    def _asked(self, engine: _Engine, query: Query, principal: str, reading: Reading) -> tuple[bool, Rule | None]:
        return engine.ask(query, _Asked(self.scope(query, principal), reading))

    def _safely(self, ask: Callable[[], T], closed: T) -> T:
        """One question at a time; whatever Casbin raises, the answer is the one that opens nothing."""
        try:
            with _ONE_AT_A_TIME:
                return ask()
        except Exception:
            log.exception("Casbin could not decide by this model.conf")
            return closed

    def _told_by(self, effect: Effect, rule: Rule | None, query: Query, principal: str) -> Decision:
        if rule is None:
            return Decision(effect, None, self._default(query, principal), principal)
        undecided = rule.when is not None and rule.when.test(self.scope(query, principal)) is UNDECIDED
        return Decision(effect, rule.where, rule.why, principal, undecided)


_ALONE: Mapping[Effect, Effect] = {"allow": "allow", "ask": "deny", "deny": "deny"}
_ASKING: Mapping[Effect, Effect] = {"ask": "allow"}
_EVERY: Mapping[Effect, Effect] = {"allow": "allow", "ask": "allow", "deny": "allow"}


def _place(rule: Rule) -> tuple[str, int]:
    return rule.file, rule.line


def _told(lines: Sequence[Rule], effects: Mapping[Effect, Effect]) -> list[tuple[Rule, Effect]]:
    return [(rule, effects[rule.effect]) for rule in lines if rule.effect in effects]


def _ordered(model: Model, rules: Sequence[Rule]) -> list[Rule]:
    """What restricts stands before what grants. Casbin names the line that ended its search, or the last that matched:
    by this order, the first of the file.
    """
    lines = sorted(rules, key=_place)
    if model.effect == "allow-and-deny":
        lines = [rule for rule in lines if rule.effect != "allow"] + [r for r in reversed(lines) if r.effect == "allow"]
    lines.sort(key=lambda rule: _ORDER[rule.effect])
    if model.effect == "priority":
        at = model.policy.index("priority")
        lines.sort(key=lambda rule: int(rule.cells[at]))
    return lines
