"""Lines that another line makes useless: said twice, overruled, about what nothing allows. Pure."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from gateway.duties import Duties
from gateway.errors import Problem
from gateway.policy.decide import Policy
from gateway.policy.globs import is_wild, overlap
from gateway.policy.lint.finding import OBJECT, WHO, warning
from gateway.policy.loosening import canonical, loosens, same
from gateway.policy.rows import Rule
from gateway.policy.wording import Effect

__all__ = ["repeated", "useless"]

_VERBS = {"allow": "allows", "ask": "asks for", "deny": "denies", "oblige": "says as much for"}


def repeated(policy: Policy) -> Iterator[Problem]:
    """Lines that say an earlier one in other words; the loader finds those that are the same to the letter."""
    seen: dict[tuple[object, ...], Rule] = {}
    duties = {one.where: canonical(one.duties) for one in policy.obligations}
    for rule in policy.lines:
        said = (rule.who, rule.tenant, _plain(rule.tool.text), rule.action, _conditions(rule))
        key = (*said, rule.effect, duties.get(rule.where))
        first = seen.setdefault(key, rule)
        if first is not rule and first.key != rule.key:
            message = f"this line says the same as {first.where}, in other words"
            yield warning(rule, WHO, "duplicate", message, "delete one of them")


def useless(policy: Policy) -> Iterator[Problem]:
    """Lines that can never decide anything, because of others."""
    if policy.custom:  # what its lines reach, and which of them counts, only its matcher says
        return
    strict, grants, people = _Overruling(policy), _reaching(policy, "allow"), _People(policy)
    answers = _Answers(policy, people)
    for rule in policy.lines:
        if over := strict.of(rule):
            does = _VERBS["oblige" if over.kind == "o" else over.effect]
            message = f"this line never changes anything: {over.where} {does} everything that it matches"
            yield warning(rule, WHO, "never-decides", message, "delete it, or narrow the other")
        elif rule.effect == "ask" and not any(
            _may_meet(rule, grant) and (rule.kind != "o" or people.may_be_both(rule.who, grant.who))
            for grant in _near(rule, grants)
        ):
            yield _without_allow(rule)
        elif said := answers.idle(rule):
            message = f"no line asks anybody about `{rule.tool.text}`: `{said}` counts only where a budget asks"
            yield warning(rule, OBJECT, "duty-without-ask", message, "`o` asks nobody; add the `ask` line, too")


def _without_allow(rule: Rule) -> Problem:
    if rule.kind == "o":
        whom = "" if rule.who == "*" else f" {rule.who}"
        message = f"no line allows{whom} what this one is about (`{rule.tool.text}`): its duties never count"
        return warning(rule, OBJECT, "duty-without-allow", message, "`o` only obliges; add the `allow` line, too")
    message = f"no line allows what this one asks for (`{rule.tool.text}`): it is denied, and nobody is asked"
    return warning(rule, OBJECT, "ask-without-allow", message, "`ask` only restricts; add the `allow` line, too")


class _Overruling:
    """Which line makes another one useless. Only lines for the same people and servers, or for more, can."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._duties = {one.where: one.duties for one in policy.obligations}
        self._rules: dict[tuple[str, str, str], list[Rule]] = defaultdict(list)
        for rule in policy.lines:
            self._rules[rule.action, _server(rule), rule.who].append(rule)

    def of(self, rule: Rule) -> Rule | None:
        """The first one, if any does."""
        wider = ("*", rule.who, *sorted(self._policy.roles.of_member(rule.who, rule.tenant)))
        near = (self._rules.get((rule.action, server, who), ()) for server in {_server(rule), ""} for who in wider)
        found = (over for rules in near for over in rules if self._overrules(over, rule))
        return min(found, key=lambda over: (over.file, over.line), default=None)

    def _overrules(self, over: Rule, rule: Rule) -> bool:
        if over is rule or over.key == rule.key or not self._as_strict(over, rule):
            return False
        if not (over.tenant in ("*", rule.tenant) and over.tool.covers(rule.tool)):
            return False
        parts, of_rule = _conditions(over), _conditions(rule)
        if parts == of_rule and over.effect == rule.effect and _same_reach(over, rule):
            return over.kind == rule.kind == "o" and self._stricter(over, rule)
        return parts <= of_rule

    def _as_strict(self, over: Rule, rule: Rule) -> bool:
        """Whether it leaves nothing to do where both take part."""
        if over.kind == "o":
            return rule.kind == "o" and not loosens(self._duties[rule.where], self._duties[over.where])
        return over.effect == "deny" or (rule.kind == "p" and over.effect == rule.effect)

    def _stricter(self, over: Rule, rule: Rule) -> bool:
        """Of two that reach as far; of equal ones the first, where it is no duplicate, which is said so elsewhere."""
        mine, other = self._duties[rule.where], self._duties[over.where]
        first = (over.file, over.line) < (rule.file, rule.line)
        return not same(mine, other) or (first and canonical(mine) != canonical(other))


def _same_reach(over: Rule, rule: Rule) -> bool:
    alike = (over.who, over.tenant) == (rule.who, rule.tenant)
    return alike and _plain(over.tool.text) == _plain(rule.tool.text)


def _server(rule: Rule) -> str:
    """Empty for lines that are about more than one."""
    return "" if is_wild(rule.tool.server) else rule.tool.server


Grants = Mapping[tuple[str, str], Sequence[Rule]]


def _reaching(policy: Policy, effect: Effect) -> Grants:
    """The `p` lines with this effect, by action and server; each reach once."""
    found: dict[tuple[str, str], dict[tuple[str, str, str], Rule]] = defaultdict(dict)
    for rule in policy.rules:
        if rule.effect == effect and rule.kind == "p":
            found[rule.action, _server(rule)].setdefault((rule.tool.text, rule.tenant, rule.who), rule)
    return {key: tuple(rules.values()) for key, rules in found.items()}


def _near(ask: Rule, grants: Grants) -> Iterator[Rule]:
    server = _server(ask)
    for (action, other), rules in grants.items():
        if action == ask.action and (not server or other in ("", server)):
            yield from rules


def _may_meet(ask: Rule, grant: Rule) -> bool:
    return (
        ask.action == grant.action
        and ("*" in (ask.tenant, grant.tenant) or ask.tenant == grant.tenant)
        and (overlap(ask.tool.server, grant.tool.server) and overlap(ask.tool.name, grant.tool.name))
    )


class _People:
    """Who is who, in whatever tenant: everybody whom a `g` line names, with all that he has."""

    def __init__(self, policy: Policy) -> None:
        grants = policy.grants
        tenants = {grant.tenant for grant in grants}
        self._names: dict[str, set[str]] = {
            member: {member}.union(*(policy.roles.of_member(member, tenant) for tenant in tenants))
            for member in {grant.member for grant in grants}
        }

    def may_be_both(self, one: str, other: str) -> bool:
        """Whether somebody can be meant by both. Nobody is in a group whom no line puts there."""
        if one == other or "*" in (one, other):
            return True
        return any(one in names and other in names for names in self._names.values())


class _Answers:
    """What `o` lines want of the answers of people."""

    def __init__(self, policy: Policy, people: _People) -> None:
        self._asks, self._people = _reaching(policy, "ask"), people
        self._duties = {one.where: one.duties for one in policy.obligations}

    def idle(self, rule: Rule) -> str:
        """What this line wants of them, where no line asks anybody whom it is about: `needs=2`; else nothing."""
        duties = self._duties.get(rule.where) if rule.kind == "o" else None
        if duties is None:
            return ""
        said = str(Duties(needs=duties.needs, escalate=duties.escalate, remember=duties.remember))
        near = _near(rule, self._asks) if said else ()
        asked = any(_may_meet(rule, ask) and self._people.may_be_both(rule.who, ask.who) for ask in near)
        return "" if asked else said


def _conditions(rule: Rule) -> frozenset[str]:
    """The operands of the outermost `and`, written in one way; none for always."""
    return frozenset(_normal(part.text) for part in rule.when.parts) if rule.when else frozenset()


@lru_cache(4096)
def _normal(text: str) -> str:
    tree = ast.parse(text, mode="eval").body
    return ast.unparse(_Plain().visit(tree))


class _Plain(ast.NodeTransformer):
    """What is only another way of writing: `(1, 2)` for `[1, 2]`, `3 > x` for `x < 3`, the order of `and` and `or`."""

    _TURNED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {ast.Gt: ast.Lt, ast.GtE: ast.LtE}

    def visit_Tuple(self, node: ast.Tuple) -> ast.expr:
        return ast.List([self.visit(item) for item in node.elts], ast.Load())

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        return ast.BoolOp(node.op, sorted((self.visit(part) for part in node.values), key=ast.unparse))

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        left, right = self.visit(node.left), [self.visit(side) for side in node.comparators]
        turned = self._TURNED.get(type(node.ops[0])) if len(right) == 1 else None
        if turned:
            return ast.Compare(right[0], [turned()], [left])
        return ast.Compare(left, node.ops, right)


def _plain(glob: str) -> str:
    """A glob with each run of stars as one."""
    while "**" in glob:
        glob = glob.replace("**", "*")
    return glob
