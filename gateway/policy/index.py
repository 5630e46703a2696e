"""Rules, arranged so that a decision looks only at those that can matter. Pure, apart from two bounded caches.

Rules are found by action, then by who (the principal, `*`, and its roles), then by server. What a principal may meet
on one object is remembered for the most recent few thousand questions: a cache that request data could grow without
end would be a way to fill the memory, and so would be keys of any length.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from gateway.policy.globs import is_wild
from gateway.policy.roles import Roles
from gateway.policy.rows import Rule

__all__ = ["Candidates", "Index"]

_CACHED = 4096
_LONGEST_KEY = 512  # characters; longer questions are answered without the cache

_PRINCIPAL = re.compile(r"(?:user|agent):[^\s*,]+")
_TENANT = re.compile(r"[^\s*,]+")


@dataclass(frozen=True, slots=True)
class Candidates:
    """The rules that a question meets, by effect, in the order of the files; conditions not looked at.

    `wrong` says why the question itself is none; then there are no rules.
    """

    deny: tuple[Rule, ...] = ()
    ask: tuple[Rule, ...] = ()
    allow: tuple[Rule, ...] = ()
    conditional: bool = False
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class _Bucket:
    """One `who`'s rules for one action: by exact `server/tool`, by exact server, and the rest."""

    exact: Mapping[str, tuple[Rule, ...]]
    by_server: Mapping[str, tuple[Rule, ...]]
    wild: tuple[Rule, ...]

    def of_server(self, server: str) -> Iterator[Rule]:
        for rules in self.exact.values():
            yield from (rule for rule in rules if rule.tool.server == server)
        yield from self.by_server.get(server, ())
        yield from (rule for rule in self.wild if rule.tool.matches_server(server))

    def matching(self, path: str, server: str, name: str) -> Iterator[Rule]:
        yield from self.exact.get(path, ())
        for rule in self.by_server.get(server, ()):
            if rule.tool.matches_name(name):
                yield rule
        for rule in self.wild:
            if rule.tool.matches(server, name):
                yield rule


class Index:
    """`candidates(principal, tenant, action, object)`, `of_server(principal, tenant, action, server)` and
    `roles_of(principal, tenant)`, all remembered.
    """

    __slots__ = ("_buckets", "_cached_candidates", "_cached_of_server", "_cached_roles", "_roles")

    def __init__(self, rules: Iterable[Rule], roles: Roles) -> None:
        rows: dict[tuple[str, str], list[Rule]] = defaultdict(list)
        for rule in rules:
            rows[rule.action, rule.who].append(rule)
        self._roles = roles
        self._buckets = {key: _bucket(found) for key, found in rows.items()}
        self._cached_roles = lru_cache(_CACHED)(roles.of_member)
        self._cached_candidates = lru_cache(_CACHED)(self._find)
        self._cached_of_server = lru_cache(_CACHED)(self._find_of_server)

    def roles_of(self, principal: str, tenant: str) -> frozenset[str]:
        short = len(principal) + len(tenant) <= _LONGEST_KEY
        return self._cached_roles(principal, tenant) if short else self._roles.of_member(principal, tenant)

    def candidates(self, principal: str, tenant: str, action: str, path: str) -> Candidates:
        short = len(principal) + len(tenant) + len(action) + len(path) <= _LONGEST_KEY
        find = self._cached_candidates if short else self._find
        return find(principal, tenant, action, path)

    def of_server(self, principal: str, tenant: str, action: str, server: str) -> Candidates:
        """The rules that may matter for something of this server, whatever it is called."""
        short = len(principal) + len(tenant) + len(action) + len(server) <= _LONGEST_KEY
        find = self._cached_of_server if short else self._find_of_server
        return find(principal, tenant, action, server)

    def remembered(self) -> int:
        """How many answers are kept: bounded, whatever is asked."""
        caches = (self._cached_candidates, self._cached_of_server, self._cached_roles)
        return sum(cache.cache_info().currsize for cache in caches)

    def _find(self, principal: str, tenant: str, action: str, path: str) -> Candidates:
        wrong = _wrong(principal, tenant, path)
        if wrong:
            return Candidates(wrong=wrong)
        server, _, name = path.partition("/")
        buckets = self._of(principal, tenant, action)
        return _sorted([rule for one in buckets for rule in one.matching(path, server, name)], tenant)

    def _find_of_server(self, principal: str, tenant: str, action: str, server: str) -> Candidates:
        wrong = _wrong(principal, tenant, f"{server}/*")
        if wrong:
            return Candidates(wrong=wrong)
        buckets = self._of(principal, tenant, action)
        return _sorted([rule for one in buckets for rule in one.of_server(server)], tenant)

    def _of(self, principal: str, tenant: str, action: str) -> Iterator[_Bucket]:
        for who in ("*", principal, *self.roles_of(principal, tenant)):
            if bucket := self._buckets.get((action, who)):
                yield bucket


_NOTHING = Candidates()


def _sorted(found: Iterable[Rule], tenant: str) -> Candidates:
    rows = sorted((rule for rule in found if rule.tenant in ("*", tenant)), key=_place)
    if not rows:
        return _NOTHING
    deny, ask, allow = (tuple(rule for rule in rows if rule.effect == effect) for effect in ("deny", "ask", "allow"))
    return Candidates(deny, ask, allow, any(rule.when for rule in rows))


def _bucket(rules: Iterable[Rule]) -> _Bucket:
    exact: dict[str, list[Rule]] = defaultdict(list)
    by_server: dict[str, list[Rule]] = defaultdict(list)
    wild: list[Rule] = []
    for rule in rules:
        if rule.tool.exact:
            exact[rule.tool.text].append(rule)
        elif not is_wild(rule.tool.server):
            by_server[rule.tool.server].append(rule)
        else:
            wild.append(rule)
    return _Bucket(_frozen(exact), _frozen(by_server), tuple(wild))


def _frozen(rows: Mapping[str, list[Rule]]) -> Mapping[str, tuple[Rule, ...]]:
    return {key: tuple(found) for key, found in rows.items()}


def _place(rule: Rule) -> tuple[str, int]:
    return rule.file, rule.line


def _wrong(principal: str, tenant: str, path: str) -> str:
    """Why nobody can ask this; empty when somebody can. A user called `role:admin` has no role's rights."""
    if not _PRINCIPAL.fullmatch(principal):
        return f"`{principal}` is not a user or an agent"
    if not _TENANT.fullmatch(tenant):
        return f"`{tenant}` is not a tenant"
    server, _, name = path.partition("/")
    return "" if server and name else f"`{path}` is not a server/tool name"
