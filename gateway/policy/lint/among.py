"""Lines that another line makes useless: said twice, overruled, about what nothing allows. Pure."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from gateway.errors import Problem
from gateway.policy.decide import Policy
from gateway.policy.globs import is_wild, overlap
from gateway.policy.lint.finding import OBJECT, WHO, warning
from gateway.policy.rows import Rule

__all__ = ["repeated", "useless"]

_VERBS = {"allow": "allows", "ask": "asks for", "deny": "denies"}


def repeated(policy: Policy) -> Iterator[Problem]:
    """Lines that say an earlier one in other words; the loader finds those that are the same to the letter."""
    seen: dict[tuple[object, ...], Rule] = {}
    for rule in policy.rules:
        key = (rule.who, rule.tenant, _plain(rule.tool.text), rule.action, _conditions(rule), rule.effect)
        first = seen.setdefault(key, rule)
        if first is not rule and first.key != rule.key:
            message = f"this line says the same as {first.where}, in other words"
            yield warning(rule, WHO, "duplicate", message, "delete one of them")


def useless(policy: Policy) -> Iterator[Problem]:
    """Lines that can never decide anything, because of others."""
    strict = _Overruling(policy)
    grants = [rule for rule in policy.rules if rule.effect == "allow"]
    for rule in policy.rules:
        if over := strict.of(rule):
            message = f"this line never changes anything: {over.where} {_VERBS[over.effect]} everything that it matches"
            yield warning(rule, WHO, "never-decides", message, "delete it, or narrow the other")
        elif rule.effect == "ask" and not any(_may_meet(rule, grant) for grant in grants):
            message = f"no line allows what this one asks for (`{rule.tool.text}`): it is denied, and nobody is asked"
            yield warning(rule, OBJECT, "ask-without-allow", message, "`ask` only restricts; add the `allow` line, too")


class _Overruling:
    """Which line makes another one useless. Those that can are few: without a condition, or with a part of the same."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._rules: Mapping[tuple[str, str], Sequence[Rule]] = _by_reach(policy.rules)

    def of(self, rule: Rule) -> Rule | None:
        server = rule.tool.server
        near = [*self._rules.get((rule.action, server), ()), *self._rules.get((rule.action, ""), ())]
        return next((over for over in near if self._overrules(over, rule)), None)

    def _overrules(self, over: Rule, rule: Rule) -> bool:
        if over is rule or over.key == rule.key or over.effect not in (rule.effect, "deny"):
            return False
        if not (over.tenant in ("*", rule.tenant) and self._includes(over.who, rule) and over.tool.covers(rule.tool)):
            return False
        parts, of_rule = _conditions(over), _conditions(rule)
        if parts == of_rule and over.effect == rule.effect and self._same_reach(over, rule):
            return False  # a duplicate, said so elsewhere
        return parts <= of_rule

    def _includes(self, who: str, rule: Rule) -> bool:
        """Whether whoever the rule is about is one of these, too, in each of its tenants."""
        return who in ("*", rule.who) or bool(self._policy.roles.path(rule.who, who, rule.tenant))

    def _same_reach(self, over: Rule, rule: Rule) -> bool:
        same = (over.who, over.tenant) == (rule.who, rule.tenant)
        return same and _plain(over.tool.text) == _plain(rule.tool.text)


def _by_reach(rules: Sequence[Rule]) -> Mapping[tuple[str, str], Sequence[Rule]]:
    """By action and server; under an empty name those that are about more than one."""
    found: dict[tuple[str, str], list[Rule]] = defaultdict(list)
    for rule in rules:
        server = rule.tool.server
        found[rule.action, "" if is_wild(server) else server].append(rule)
    return found


def _may_meet(ask: Rule, grant: Rule) -> bool:
    return (
        ask.action == grant.action
        and ("*" in (ask.tenant, grant.tenant) or ask.tenant == grant.tenant)
        and (overlap(ask.tool.server, grant.tool.server) and overlap(ask.tool.name, grant.tool.name))
    )


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
