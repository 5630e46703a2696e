"""Rules, arranged so that a decision looks only at those that can matter. Pure, apart from bounded caches.

Rules are found by action, who (the principal, `*`, its roles) and tenant, then by server, then by name: literal ones by
one look into a dictionary, patterns by trying each different pattern once. Principals that the same lines name are in
the same place, so that nobody pays for his name: unknown ones share one answer.

What is met is remembered for the most recent few thousand questions, each of a bounded size: a cache that request data
could grow without end would be a way to fill the memory.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Generic, TypeVar

from gateway.policy.globs import Matcher, is_exact
from gateway.policy.roles import Roles
from gateway.policy.rows import Rule
from gateway.policy.wording import Effect

__all__ = ["Candidates", "Index"]

_CACHED = 4096
_LONGEST_KEY = 512  # characters; longer questions are answered without the cache
_LONGEST_ANSWER = 256  # rules; to find more anew costs less than to look at what they say

_PRINCIPAL = re.compile(r"(?:user|agent):[^\s*,]+")
_TENANT = re.compile(r"[^\s*,]+")

_Row = tuple[int, Rule]  # its place in the order of the files, in which rows sort
T = TypeVar("T")


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


@dataclass(frozen=True, slots=True, eq=False)
class _Standing:
    """The lines that are about a principal, by action: one object for all whom the same lines are about."""

    servers: Mapping[str, tuple["_Servers", ...]]
    wrong: str = ""


class _Shelf(Generic[T]):
    """Things under texts and globs: `find` gives those under the text itself, and under globs that match it."""

    __slots__ = ("_globs", "_texts")

    def __init__(self, things: Mapping[str, T], matchers: Mapping[str, Matcher]) -> None:
        self._texts = {text: thing for text, thing in things.items() if is_exact(text)}
        self._globs = tuple([(matchers[glob], thing) for glob, thing in things.items() if not is_exact(glob)])

    def __iter__(self) -> Iterator[T]:
        yield from self._texts.values()
        yield from (thing for _, thing in self._globs)

    def find(self, text: str) -> list[T]:
        exact = self._texts.get(text)
        found = [] if exact is None else [exact]
        for matches, thing in self._globs:
            if matches(text):
                found.append(thing)
        return found


_Names = _Shelf[tuple[_Row, ...]]
_Servers = _Shelf[_Names]


class Index:
    """`candidates(principal, tenant, action, object)`, `of_server(principal, tenant, action, server)` and
    `roles_of(principal, tenant)`, all remembered.
    """

    __slots__ = ("_known_offered", "_met", "_roles", "_roles_of", "_shelves", "_standing", "_standings", "_tenants")

    def __init__(self, rules: Iterable[Rule], roles: Roles) -> None:
        rows: dict[tuple[str, str, str], list[_Row]] = defaultdict(list)
        for place, rule in enumerate(sorted(rules, key=_place)):
            rows[rule.who, rule.tenant, rule.action].append((place, rule))
        self._shelves: dict[str, dict[str, dict[str, _Servers]]] = {}
        for (who, tenant, action), found in rows.items():
            self._shelves.setdefault(who, {}).setdefault(tenant, {})[action] = _servers(found)
        self._tenants = frozenset(tenant for _, tenant, _ in rows)
        self._roles = roles
        self._roles_of = lru_cache(_CACHED)(roles.of_member)
        self._standings = lru_cache(_CACHED)(self._standing_of)
        self._standing = lru_cache(_CACHED)(self._find_standing)
        self._known_offered = lru_cache(_CACHED)(_find_offered)
        self._met = lru_cache(_CACHED)(_if_short(self._find))

    def roles_of(self, principal: str, tenant: str) -> frozenset[str]:
        short = len(principal) + len(tenant) <= _LONGEST_KEY
        return self._roles_of(principal, tenant) if short else self._roles.of_member(principal, tenant)

    def candidates(self, principal: str, tenant: str, action: str, path: str) -> Candidates:
        if len(principal) + len(tenant) + len(action) + len(path) > _LONGEST_KEY:
            return self._find(self._standing_in(principal, tenant), action, path)
        standing = self._standing(principal, tenant)
        return self._met(standing, action, path) or self._find(standing, action, path)

    def of_server(self, principal: str, tenant: str, action: str, server: str) -> Candidates:
        """The rules that may matter for something of this server, whatever it is called."""
        standing = self._standing_in(principal, tenant)
        if standing.wrong or not server:
            return Candidates(wrong=standing.wrong or "there is no server without a name")
        offered = self._offered(standing, action, server)
        return _by_effect([row for names in offered for found in names for row in found])

    def remembered(self) -> int:
        """How many answers are kept: bounded, whatever is asked."""
        caches = (self._roles_of, self._standings, self._standing, self._known_offered, self._met)
        return sum(cache.cache_info().currsize for cache in caches)

    def _standing_in(self, principal: str, tenant: str) -> _Standing:
        find = self._standing if len(principal) + len(tenant) <= _LONGEST_KEY else self._find_standing
        return find(principal, tenant)

    def _find_standing(self, principal: str, tenant: str) -> _Standing:
        wrong = _wrong(principal, tenant)
        if wrong:
            return _Standing({}, wrong)
        whos = ("*", principal, *sorted(self.roles_of(principal, tenant)))
        tenants = ("*", tenant) if tenant in self._tenants else ("*",)
        return self._standings(tuple(who for who in whos if who in self._shelves), tenants)

    def _standing_of(self, whos: Iterable[str], tenants: Iterable[str]) -> _Standing:
        """`whos` are those that lines name, so that there are only so many of them."""
        found: dict[str, list[_Servers]] = defaultdict(list)
        for who, tenant in product(whos, tenants):
            for action, servers in self._shelves[who].get(tenant, {}).items():
                found[action].append(servers)
        return _Standing({action: tuple(servers) for action, servers in found.items()})

    def _find(self, standing: _Standing, action: str, path: str) -> Candidates:
        server, _, name = path.partition("/")
        wrong = standing.wrong or ("" if server and name else f"`{path}` is not a server/tool name")
        if wrong:
            return Candidates(wrong=wrong)
        rows: list[_Row] = []
        for names in self._offered(standing, action, server):
            for found in names.find(name):
                rows += found
        return _by_effect(rows)

    def _offered(self, standing: _Standing, action: str, server: str) -> tuple[_Names, ...]:
        """The lines for this server, still to be looked through by name."""
        find = self._known_offered if len(action) + len(server) <= _LONGEST_KEY else _find_offered
        return find(standing, action, server)


def _find_offered(standing: _Standing, action: str, server: str) -> tuple[_Names, ...]:
    return tuple(names for servers in standing.servers.get(action, ()) for names in servers.find(server))


_NOTHING = Candidates()


def _by_effect(rows: list[_Row]) -> Candidates:
    if not rows:
        return _NOTHING
    rows.sort()
    of: dict[Effect, list[Rule]] = {"deny": [], "ask": [], "allow": []}
    conditional = False
    for _, rule in rows:
        of[rule.effect].append(rule)
        conditional = conditional or rule.when is not None
    return Candidates(tuple(of["deny"]), tuple(of["ask"]), tuple(of["allow"]), conditional)


def _if_short(find: Callable[[_Standing, str, str], Candidates]) -> Callable[[_Standing, str, str], Candidates | None]:
    """An answer that is worth remembering; None in place of a long one, which would take room and save nothing."""

    def found(standing: _Standing, action: str, what: str) -> Candidates | None:
        met = find(standing, action, what)
        return met if len(met.deny) + len(met.ask) + len(met.allow) <= _LONGEST_ANSWER else None

    return found


def _servers(rows: Iterable[_Row]) -> _Servers:
    of: dict[str, dict[str, list[_Row]]] = defaultdict(lambda: defaultdict(list))
    servers: dict[str, Matcher] = {}
    names: dict[str, Matcher] = {}
    for row in rows:
        tool = row[1].tool
        of[tool.server][tool.name].append(row)
        servers[tool.server], names[tool.name] = tool.matches_server, tool.matches_name
    shelves = {
        server: _Shelf({name: tuple(found) for name, found in named.items()}, names) for server, named in of.items()
    }
    return _Shelf(shelves, servers)


def _place(rule: Rule) -> tuple[str, int]:
    return rule.file, rule.line


def _wrong(principal: str, tenant: str) -> str:
    """Why nobody can be this; empty when somebody can. A user called `role:admin` has no role's rights."""
    if not _PRINCIPAL.fullmatch(principal):
        return f"`{principal}` is not a user or an agent"
    return "" if _TENANT.fullmatch(tenant) else f"`{tenant}` is not a tenant"
