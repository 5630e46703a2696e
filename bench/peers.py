"""The same rules for two other engines, as well as each can hold them: Cedar (Rust, by cedarpy) and CEL (Rust).

Neither knows `ask`. Cedar answers twice, as stock Casbin does: without the `ask` lines, and with them as `forbid`. CEL
has no rules at all: the lines of an effect become one expression, joined by `||`, and a policy is three of them. Both
get their rules parsed and their questions as they take them; only the answering is to be timed.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import cedarpy
import cel

from gateway.policy import Effect, Policy, Query
from gateway.policy.rows import Rule

__all__ = ["Ask", "cedar", "cel_expressions"]

Ask = Callable[[], str]
_TOGETHER = 50  # CEL refuses to read hundreds of `||` in a row
_UNDER = re.compile(r"under\((\S+), '(\w+)'\)")


def cedar(policy: Policy) -> Callable[[Query], Ask]:
    """A question for it -> what asks it, and gives its effect."""
    at_all = _cedar_policies(policy.rules, {"allow": "permit", "deny": "forbid"})
    alone = _cedar_policies(policy.rules, {"allow": "permit", "deny": "forbid", "ask": "forbid"})

    def question(query: Query) -> Ask:
        request, entities = _cedar_request(policy, query)

        def ask() -> str:
            if not cedarpy.is_authorized(request, at_all, entities).allowed:
                return "deny"
            return "allow" if cedarpy.is_authorized(request, alone, entities).allowed else "ask"

        return ask

    return question


def _cedar_policies(rules: Iterable[Rule], keyword: Mapping[Effect, str]) -> cedarpy.PolicySet:
    used = [rule for rule in rules if rule.effect in keyword]
    return cedarpy.PolicySet.from_str("\n".join(_cedar_rule(rule, keyword[rule.effect]) for rule in used))


def _cedar_rule(rule: Rule, keyword: str) -> str:
    who = {"*": "principal", "user": f'principal == User::"{rule.who}"'}.get(
        rule.who.partition(":")[0], f'principal in Role::"{rule.who}"'
    )
    tool = f'resource == Tool::"{rule.tool.text}"' if rule.tool.exact else "resource"
    tests = [] if rule.tool.exact else [f'context.path like "{rule.tool.text}"']
    tests += [] if rule.tenant == "*" else [f'context.tenant == "{rule.tenant}"']
    tests += [f"({_cedar_when(rule.when.text)})"] if rule.when else []
    when = f" when {{ {' && '.join(tests)} }}" if tests else ""
    return f'{keyword} ({who}, action == Action::"{rule.action}", {tool}){when};'


def _cedar_when(text: str) -> str:
    text = _UNDER.sub(r"\1 like '\2/*'", text)
    text = re.sub(r"has\((\w+)\.(\w+)\)", r"\1 has \2", text).replace(" and ", " && ").replace("'", '"')
    return re.sub(r"\b(args|run)\b", r"context.\1", text)


def _cedar_request(policy: Policy, query: Query) -> tuple[dict[str, Any], Any]:
    user, tenant = query.subject.user, query.subject.tenant
    roles = [{"type": "Role", "id": role} for role in policy.roles.of_member(user, tenant)]
    principal = {"uid": {"type": "User", "id": user}, "attrs": {}, "parents": roles}
    context = {"args": query.args, "run": _run(query), "tenant": tenant, "path": query.object}
    request = {
        "principal": f'User::"{user}"',
        "action": f'Action::"{query.action}"',
        "resource": f'Tool::"{query.object}"',
        "context": context,
    }
    return request, cedarpy.Entities.from_json_str(
        json.dumps([principal, *({"uid": role, "attrs": {}, "parents": []} for role in roles)])
    )


def cel_expressions(policy: Policy) -> Callable[[Query], Ask]:
    """A question for it -> what asks it, and gives its effect."""
    of: dict[str, list[cel.Program]] = {
        effect: _cel_programs(rule for rule in policy.rules if rule.effect == effect)
        for effect in ("deny", "allow", "ask")
    }

    def question(query: Query) -> Ask:
        context = cel.Context(_cel_context(policy, query))

        def ask() -> str:
            if any(program.execute(context) for program in of["deny"]):
                return "deny"
            if not any(program.execute(context) for program in of["allow"]):
                return "deny"
            return "ask" if any(program.execute(context) for program in of["ask"]) else "allow"

        return ask

    return question


def _cel_programs(rules: Iterable[Rule]) -> list[cel.Program]:
    texts = [f"({_cel_rule(rule)})" for rule in rules]
    return [cel.compile(" || ".join(texts[at : at + _TOGETHER])) for at in range(0, len(texts), _TOGETHER)]


def _cel_rule(rule: Rule) -> str:
    start, star, rest = rule.tool.text.partition("*")
    if rest:
        raise ValueError(f"`{rule.tool.text}`: only a `*` at the end is translated")
    tests = [f"path.startsWith('{start}')" if star else f"path == '{start}'", f"action == '{rule.action}'"]
    tests += [] if rule.who == "*" else [f"'{rule.who}' in whos"]
    tests += [] if rule.tenant == "*" else [f"tenant == '{rule.tenant}'"]
    tests += [f"({_UNDER.sub(_starts, rule.when.text).replace(' and ', ' && ')})"] if rule.when else []
    return " && ".join(tests)


def _starts(found: re.Match[str]) -> str:
    return f"{found[1]}.startsWith('{found[2]}/')"


def _cel_context(policy: Policy, query: Query) -> dict[str, Any]:
    user, tenant = query.subject.user, query.subject.tenant
    return {
        "whos": [user, *policy.roles.of_member(user, tenant)],
        "tenant": tenant,
        "action": query.action,
        "path": query.object,
        "args": dict(query.args or {}),
        "run": _run(query),
    }


def _run(query: Query) -> dict[str, bool]:
    return {"tainted": getattr(query.run, "tainted", False)}
