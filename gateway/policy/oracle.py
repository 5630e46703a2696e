"""Stock Casbin over the same rows: the slow and independent answer that our own evaluator is compared with.

The only module that imports casbin, and nothing on the path of a call imports this one. Casbin knows allow and deny
only, so two enforcers share a policy: one without the `ask` lines (may it happen at all?) and one that reads them as
deny (may it happen without a person?). Conditions, patterns and tenants are functions of ours, as the model names
them: no matcher of Casbin's own is used, each of them has holes. Its role managers remember every name they are asked
about and follow ten steps at most, so this must never decide about real requests as it is.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache

import casbin

from gateway.policy.compiler import compile_condition
from gateway.policy.condition import Condition, holds
from gateway.policy.decide import Policy, principals
from gateway.policy.logic import UNDECIDED
from gateway.policy.model import MODEL
from gateway.policy.rows import Rule
from gateway.policy.scope import Query, Scope
from gateway.policy.wording import Action, Effect

__all__ = ["Oracle"]

_compiled: Callable[[str], Condition] = cache(compile_condition)


_Enforce = Callable[..., bool]
_TAKING: tuple[Action, ...] = ("subscribe", "complete")  # their lines can only take away, from everybody's all


class Oracle:
    """`decide` gives the effect that `Policy.decide` must give, and `visible` what `Policy.visible` must say. Not safe
    between threads.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        lines = [(rule, rule.effect) for rule in policy.rules]
        unasked = [(rule, effect) for rule, effect in lines if effect != "ask"]
        self._at_all = _enforce(policy, unasked, _when)
        self._alone = _enforce(policy, [(rule, "deny" if effect == "ask" else effect) for rule, effect in lines], _when)
        self._somehow = _enforce(policy, unasked, _may, ("list",))

    def decide(self, query: Query) -> Effect:
        """The strictest answer that one of the subject's principals gets."""
        answers = {self._judge(query, principal) for principal in principals(query.subject)}
        return "deny" if "deny" in answers else "ask" if "ask" in answers else "allow"

    def visible(self, use: Query) -> bool:
        """`use` asks for the use of something, its arguments not known."""
        hiding = replace(use, action="list")
        return all(
            self._ask(self._somehow, use, principal) and self._ask(self._somehow, hiding, principal)
            for principal in principals(use.subject)
        )

    def _judge(self, query: Query, principal: str) -> Effect:
        if not self._ask(self._at_all, query, principal):
            return "deny"
        if query.base:
            return "allow" if self._ask(self._somehow, query.base, principal) else "deny"
        return "allow" if self._ask(self._alone, query, principal) else "ask"

    def _ask(self, enforce: _Enforce, query: Query, principal: str) -> bool:
        tenant = query.subject.tenant
        scope = Scope(query, principal, self._policy.roles.of_member(principal, tenant))
        return enforce(principal, tenant, query.object, query.action, scope)


def _enforce(
    policy: Policy,
    lines: Iterable[tuple[Rule, Effect]],
    counts: Callable[..., bool],
    taking: Iterable[Action] = _TAKING,
) -> _Enforce:
    enforcer = casbin.Enforcer(casbin.Enforcer.new_model(text=MODEL), enable_log=False)
    for rule, effect in lines:
        when = rule.when.text if rule.when else ""
        row = [rule.who, rule.tenant, rule.tool.text, rule.action, when, effect, rule.why]
        enforcer.model.add_policy("p", "p", row)
    for action in taking:
        enforcer.model.add_policy("p", "p", ["*", "*", "*/*", action, "", "allow", ""])
    for grant in policy.grants:
        enforcer.model.add_policy("g", "g", [grant.member, grant.role, grant.tenant])
    enforcer.add_function("in_tenant", _in_tenant)
    enforcer.add_function("tool", _tool)
    enforcer.add_function("when", counts)
    enforcer.add_named_domain_matching_func("g", _in_tenant)
    enforcer.build_role_links()
    enforce: _Enforce = enforcer.enforce
    return enforce


def _in_tenant(asked: str, written: str) -> bool:
    return written in ("*", asked)


def _tool(path: str, pattern: str) -> bool:
    server, _, name = path.partition("/")
    server_glob, _, name_glob = pattern.partition("/")
    return _glob(server, server_glob) and _glob(name, name_glob)


def _glob(text: str, glob: str) -> bool:
    pattern = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in glob)
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def _when(text: str, scope: Scope, effect: Effect) -> bool:
    return not text or holds(effect, _compiled(text).test(scope))


def _may(text: str, scope: Scope, effect: Effect) -> bool:
    """Whether an allowing line may hold, and a denying one must: arguments that are not known may be anything."""
    if not text:
        return True
    condition = _compiled(text)
    answer = condition.test(scope)
    if answer is UNDECIDED and "args" in {path.root for path in condition.paths}:
        return effect == "allow"
    return holds(effect, answer)
