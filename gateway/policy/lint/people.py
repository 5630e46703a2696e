"""Lines about members, roles and tenants that are not there. Pure."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain

from gateway.errors import Problem
from gateway.policy.decide import Policy
from gateway.policy.lint.finding import TENANT, WHO, warning
from gateway.policy.rows import Grant, Rule
from gateway.policy.wording import GROUPS
from gateway.wording import closest, did_you_mean

__all__ = ["People", "member_hint", "strangers", "tenant_hint", "unreachable"]

_GROUPS = tuple(f"{group}:" for group in GROUPS)
_MEMBER, _TENANT_OF_GRANT = 1, 3  # cells of a `g` line


@dataclass(frozen=True, slots=True)
class People:
    """Whoever has ever been seen: in API keys, in the record, in the configuration.

    `closed`: nobody else can come, for all come by API keys. Else a name that is not here may be right. `by_token`:
    others come by access tokens, which may name any tenant.
    """

    members: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    closed: bool = False
    by_token: bool = False


def unreachable(policy: Policy) -> Iterator[Problem]:
    """Lines for a role that somebody was given, and that nobody can have where the line counts."""
    given = {grant.role for grant in policy.grants}
    tenants = {grant.tenant for grant in policy.grants}
    held = {tenant: _held(policy.grants, tenant) for tenant in tenants | {rule.tenant for rule in policy.lines}}
    anywhere = frozenset(chain.from_iterable(held.values()))
    for rule in policy.lines:
        if not rule.who.startswith(_GROUPS) or rule.who not in given:  # the loader tells of those that nobody is given
            continue
        if rule.who not in (anywhere if rule.tenant == "*" else held[rule.tenant]):
            yield _nobody(rule, sorted(tenant for tenant in tenants if rule.who in held[tenant]))


def _held(grants: Iterable[Grant], tenant: str) -> frozenset[str]:
    """The groups that some user or agent has in this tenant."""
    counting = [grant for grant in grants if grant.tenant in ("*", tenant)]
    held: set[str] = set()
    grown = True
    while grown:
        found = {grant.role for grant in counting if not grant.member.startswith(_GROUPS) or grant.member in held}
        grown = not found <= held
        held |= found
    return frozenset(held)


def _nobody(rule: Rule, elsewhere: list[str]) -> Problem:
    if elsewhere:
        message = f"nobody has `{rule.who}` in tenant `{rule.tenant}`, so this line can never decide"
        return warning(rule, WHO, "unknown-role", message, f"it is held in {', '.join(elsewhere)}")
    message = f"only roles have `{rule.who}`, and nobody has those: this line can never decide"
    return warning(rule, WHO, "unknown-role", message, "give it to somebody with a `g` line")


def strangers(policy: Policy, people: People) -> Iterator[Problem]:
    """Users, agents and tenants that are written nowhere else: each once, where it stands first.

    Where others than those known may come, only what looks like a slip of the pen.
    """
    named = {grant.tenant for grant in policy.grants}
    seen: set[str] = set()
    rows: list[Rule | Grant] = [*policy.lines, *policy.grants]
    for row in rows:
        yield from _stranger(row, people, seen)
        yield from _strange_tenant(row, people, named, seen)


def _stranger(row: Rule | Grant, people: People, seen: set[str]) -> Iterator[Problem]:
    name, cell = (row.who, WHO) if isinstance(row, Rule) else (row.member, _MEMBER)
    if name in seen or name == "*" or name.startswith(_GROUPS) or name in people.members:
        return
    seen.add(name)
    hint = member_hint(name, people)
    if hint is not None:
        message = f"no API key, no run and no configuration knows the {name.partition(':')[0]} `{name}`"
        yield warning(row, cell, "unknown-member", message, hint)


def member_hint(name: str, people: People) -> str | None:
    """What to say of a user or an agent that nobody knows; None if the name may be right."""
    if name in people.members:
        return None
    kind = name.partition(":")[0]
    like = closest(name, (known for known in people.members if known.startswith(f"{kind}:")))
    closed = people.closed and kind == "user"  # whoever starts a gateway names its agent
    slip = like is not None and _slip(name, like)
    return (f"did you mean `{like}`?" if slip else "") if closed or slip else None


def _strange_tenant(row: Rule | Grant, people: People, named: set[str], seen: set[str]) -> Iterator[Problem]:
    tenant, cell = row.tenant, TENANT if isinstance(row, Rule) else _TENANT_OF_GRANT
    if tenant == "*" or f"tenant {tenant}" in seen:
        return
    hint = tenant_hint(tenant, people, named if isinstance(row, Rule) else frozenset())
    if hint is not None:
        seen.add(f"tenant {tenant}")
        message = f"no `g` line, no API key, no run and no configuration knows the tenant `{tenant}`"
        yield warning(row, cell, "unknown-tenant", message, hint)


def tenant_hint(tenant: str, people: People, named: AbstractSet[str]) -> str | None:
    """What to say of a tenant that nobody knows; None if it may be right. `named` are those of `g` lines."""
    known = people.tenants | (named - {"*"})
    if tenant in known:
        return None
    like = closest(tenant, known)
    listed = bool(named - {"*"}) and not people.by_token
    if people.closed or listed or (like and _slip(tenant, like)):
        return did_you_mean(tenant, known)
    return None


def _slip(name: str, like: str) -> bool:
    """Whether one is the other with a letter more, less, another, or two turned around; not `team1` and `team2`."""
    if any(sign.isdigit() for sign in name + like) or abs(len(name) - len(like)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(name, like, strict=False)) if a != b), min(len(name), len(like)))
    one, other = name[start:], like[start:]
    turned = one[:2] == other[1::-1] and one[2:] == other[2:]
    return turned or one[1:] == other[1:] or one[1:] == other or one == other[1:]
