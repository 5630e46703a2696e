"""Whom to ask, in which tenant, and about what: one of each kind that the lines of either policy tell apart. Pure.

Whoever has the same roles in both policies, and is named in no line, is the same to them: of those one is asked. Of
pairs of somebody and something that meet the same lines, too. Strangers, other tenants and tools that no line names
are kinds of their own.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice, product
from typing import TypeVar

from gateway.call import Subject, Tool
from gateway.offer import Offer
from gateway.policy.changes import Pair
from gateway.policy.condition import Condition
from gateway.policy.decide import Policy, principals
from gateway.policy.globs import ToolGlob, is_wild, overlap
from gateway.policy.rows import Rule
from gateway.policy.scope import Query, RunFacts, use_of
from gateway.policy.witnesses.domains import NOON, World, thing_in
from gateway.policy.witnesses.values import atoms

T = TypeVar("T")

__all__ = ["Asking", "Known", "Meeting", "met"]

Known = Mapping[str, Tool | Offer]
"""By `server/tool`."""

MOST_SUBJECTS, MOST_OBJECTS = 192, 96  # for one line
MOST_AGENTS = 4  # of a user
STRANGER, STRANGE_AGENT, ELSEWHERE = "user:stranger", "agent:stranger", "elsewhere"


@dataclass(frozen=True, slots=True)
class Meeting:
    """A request, and the lines of both policies that it meets, whatever its facts are."""

    world: World
    old: tuple["Met", ...]
    new: tuple["Met", ...]

    @property
    def lines(self) -> list[Rule]:
        """Of both, whomever they are about."""
        return [rule for _, rule in (*self.old, *self.new)]


Met = tuple[str, Rule]
"""A line, and for which of the principals it may count."""


def met(policy: Policy, world: World) -> tuple[Met, ...]:
    """Every line that this request may meet, whatever its facts are."""
    found: list[Met] = []
    for action in _actions(world):
        for who in principals(world.subject):
            query = Query(world.subject, action, world.object, None, None, RunFacts(), NOON)
            lines = policy.candidates(query, who)
            obliging = policy.that_may_oblige(query, who)
            found += ((who, rule) for rule in (*lines.deny, *lines.ask, *lines.allow, *obliging))
    return tuple(found)


def _actions(world: World) -> tuple[str, ...]:
    """The action, and the one on which it rests."""
    match world.action:
        case "list":
            return "list", use_of(thing_in(world))
        case "subscribe":
            return "subscribe", "read"
        case "complete":
            return "complete", "get" if isinstance(world.known, Offer) and world.known.kind == "prompt" else "read"
    return (world.action,)


class Asking:
    """Two policies, and what is known of the tools. `cut` is set once something was left out for being too much."""

    def __init__(self, pair: Pair, known: Known) -> None:
        self._pair, self._known, self.cut = pair, known, False
        both = (pair.old, pair.new)
        rules, grants = [rule for p in both for rule in p.lines], [grant for p in both for grant in p.grants]
        self._named = {rule.who for rule in rules} | _constants(rules, "subject")
        self._named |= {name for p in both for name in _in_matcher(p)}
        names = sorted(self._named | {grant.member for grant in grants})
        self._users = [*(name for name in names if name.startswith("user:")), STRANGER]
        self._agents = [*(name for name in names if name.startswith("agent:")), STRANGE_AGENT]
        tenants = {rule.tenant for rule in rules} | {grant.tenant for grant in grants} | _constants(rules, "subject")
        self._tenants = [*sorted(name for name in tenants if name != "*" and ":" not in name), ELSEWHERE]
        looked_at = sorted(name for name in _constants(rules, "subject") if name.startswith("agent:"))
        self._looked_at = looked_at[:MOST_AGENTS]  # those that conditions name
        self._asks = [rule for rule in dict.fromkeys(rules) if (rule.kind, rule.effect) == ("p", "ask")]
        self._asked_about: dict[object, frozenset[str]] = {}
        self._members: dict[str, set[str]] = defaultdict(set)
        for grant in grants:
            self._members[grant.role].add(grant.member)
        globs = {rule.tool.text: rule.tool for rule in rules}
        self._wild = [glob for _, glob in sorted(globs.items()) if not glob.exact]
        self._exact: dict[str, list[str]] = defaultdict(list)  # by server
        for text, glob in sorted(globs.items()):
            self._exact[glob.server] += [text] if glob.exact else []
        self._parts = sorted(_constants(rules, "tool"))

    def worlds(self, focus: Rule, whom: Sequence[str] | None, most: int) -> Iterator[Meeting]:
        """Requests that this line of either policy is about, one of each kind, and only those that meet other lines in
        one policy than in the other; only of these principals, if given. `most` pairs are looked at.
        """
        seen: set[object] = set()
        pairs = list(islice(self._pairs(focus, whom), most + 1))
        self.cut = self.cut or len(pairs) > most
        for subject, path in pairs[:most]:
            world = World(subject, focus.action, path, self._known.get(path))
            meeting = Meeting(world, met(self._pair.old, world), met(self._pair.new, world))
            kind = _kind(meeting)
            if kind not in seen and (self._pair.model_changed or _differs(meeting)):
                yield meeting
            seen.add(kind)

    def below(self, member: str) -> set[str]:
        """The users and agents who have what this member of a role has; itself, if it is one."""
        found, queue = {member}, [member]
        for at in queue:
            fresh = self._members[at] - found
            found |= fresh
            queue += fresh
        return {name for name in found if name.startswith(("user:", "agent:"))}

    def _pairs(self, focus: Rule, whom: Sequence[str] | None) -> Iterator[tuple[Subject, str]]:
        """The first of each with all of the other, before the others with one another."""
        subjects = self._bounded(self._subjects(focus, whom), MOST_SUBJECTS)
        objects = self._bounded(self._objects(focus), MOST_OBJECTS)
        for rank in range(len(subjects) + len(objects)):
            for place in range(max(0, rank - len(objects) + 1), min(rank + 1, len(subjects))):
                yield subjects[place], objects[rank - place]

    def _bounded(self, found: Iterable[T], most: int) -> list[T]:
        taken = list(islice(found, most + 1))
        self.cut = self.cut or len(taken) > most
        return taken[:most]

    # ---- whom

    def _subjects(self, focus: Rule, whom: Sequence[str] | None) -> Iterator[Subject]:
        """Each kind by himself first; then, as far as there is a place, users through agents, where one of both would
        be asked about by a line that the other does not have: what the changed line does shows otherwise there.
        """
        kinds: list[tuple[str, str]] = []
        for principal, tenant in self._kinds(focus, self._principals(focus) if whom is None else whom):
            kinds.append((principal, tenant))
            yield from self._as(principal, tenant)
        for user, tenant in kinds:
            if user.startswith("user:"):
                yield from (Subject(user, tenant, agent) for agent in self._beside(focus, user, tenant))

    def _kinds(self, focus: Rule, principals: Iterable[str]) -> Iterator[tuple[str, str]]:
        """One principal for all whom the lines don't tell apart, and in which tenant."""
        seen: set[object] = set()
        everywhere = focus.tenant == "*" or self._pair.model_changed
        tenants = self._tenants if everywhere else [focus.tenant]
        for principal, tenant in product(principals, tenants):
            kind = principal if principal in self._named else "", tenant, self._roles(principal, tenant)
            if kind not in seen and self._is_for(focus, principal, tenant):
                seen.add(kind)
                yield principal, tenant

    def _beside(self, focus: Rule, user: str, tenant: str) -> list[str]:
        """The agents with an `ask` line of their own for what this line is about; any, where the user has one and the
        line is about agents, too.
        """
        whom = self._asked(focus, tenant)
        agents = self._agents if focus.who == "*" and user in whom else sorted(whom)
        kinds: dict[object, str] = {}
        for agent in (name for name in reversed(agents) if name.startswith("agent:") and name not in self._looked_at):
            kinds.setdefault(self._roles(agent, tenant) if agent not in self._named else agent, agent)
        return list(kinds.values())[:MOST_AGENTS]

    def _asked(self, focus: Rule, tenant: str) -> frozenset[str]:
        """The users and agents about whom some line asks that is not about everybody, of what this line is about."""
        key = focus.action, focus.tool.text, tenant
        if key not in self._asked_about:
            lines = (rule for rule in self._asks if rule.tenant in ("*", tenant) and _may_meet(rule, focus))
            whom = (self._whom_it_asks(rule) for rule in lines)
            self._asked_about[key] = frozenset(chain.from_iterable(whom))
        return self._asked_about[key]

    def _whom_it_asks(self, rule: Rule) -> Iterable[str]:
        """Of a line about everybody: nobody, or each of them, where its condition looks at who it is."""
        if rule.who == "*":
            return (*self._users, *self._agents) if "subject" in _names(rule) else ()
        return self.below(rule.who)

    def _principals(self, focus: Rule) -> Sequence[str]:
        if focus.who == "*" or self._pair.model_changed:
            return self._users if focus.who in ("*", *self._users) else [*self._users, *sorted(self.below(focus.who))]
        if focus.who.startswith(("user:", "agent:")):
            return [focus.who]
        return sorted(self.below(focus.who))

    def _is_for(self, focus: Rule, principal: str, tenant: str) -> bool:
        return (
            self._pair.model_changed
            or focus.who in ("*", principal)
            or any(focus.who in roles for roles in self._roles(principal, tenant))
        )

    def _roles(self, principal: str, tenant: str) -> tuple[frozenset[str], frozenset[str]]:
        return tuple(policy.roles.of_member(principal, tenant) for policy in (self._pair.old, self._pair.new))  # type: ignore[return-value]

    def _as(self, principal: str, tenant: str) -> Iterator[Subject]:
        """A user alone, and through agents that conditions name; an agent for some users of different kinds."""
        if principal.startswith("user:"):
            yield Subject(principal, tenant)
            yield from (Subject(principal, tenant, agent) for agent in self._looked_at)
            return
        kinds = {self._roles(user, tenant) if user not in self._named else user: user for user in self._users}
        yield from (Subject(user, tenant, principal) for user in list(kinds.values()))

    # ---- about what

    def _objects(self, focus: Rule) -> Iterator[str]:
        """What is known, what other lines name, what this one alone matches, and what it matches with others."""
        if focus.tool.exact:
            yield focus.tool.text
            return
        seen: set[str] = set()
        for path in self._candidates(focus):
            if path not in seen and focus.tool.matches(*_split(path)):
                seen.add(path)
                yield path

    def _candidates(self, focus: Rule) -> Iterator[str]:
        server = None if is_wild(focus.tool.server) else focus.tool.server
        yield from (path for path, thing in self._known.items() if _is_about(focus.action, thing))
        yield from self._exact.get(server, ()) if server else (path for paths in self._exact.values() for path in paths)
        yield from (_filled(focus.tool.text, filling) for filling in ("a", "", "b.c"))
        for glob in self._wild:
            if server is None or glob.matches_server(server):
                yield from _crossed(focus.tool, glob)
        yield from (f"{part}/{name}" for part in self._parts for name in self._parts)


def _kind(meeting: Meeting) -> object:
    """What tells the lines of this request from those of others."""
    lines = meeting.lines
    looked_at = frozenset[str]().union(*(_names(rule) for rule in lines))
    world, by_name = meeting.world, not looked_at.isdisjoint(("tool.name", "tool.server"))
    hints = [getattr(world.known, name.partition(".")[2], None) for name in sorted(looked_at) if "tool." in name]
    subject, path = world.subject if "subject" in looked_at else None, world.object if by_name else None
    whose = [who == world.subject.agent for who, _ in (*meeting.old, *meeting.new)]
    return tuple(map(id, lines)), tuple(whose), subject, path, tuple(hints) if world.known else ()


def _differs(meeting: Meeting) -> bool:
    """Whether anything can change: the lines are others, or look at roles, which may be others."""
    same = {(who, rule.key) for who, rule in meeting.old} == {(who, rule.key) for who, rule in meeting.new}
    return not same or any("subject.roles" in _names(rule) for rule in meeting.lines)


def _names(rule: Rule) -> frozenset[str]:
    return _names_in(rule.when) if rule.when else frozenset()


@lru_cache(8192)
def _names_in(when: Condition) -> frozenset[str]:
    """The names that it looks at, and their roots."""
    return frozenset(name for path in when.paths for name in (path.text, path.root))


def _constants(rules: Iterable[Rule], root: str) -> set[str]:
    """The texts with which conditions compare what is below this root."""
    found = {rule.when.text for rule in rules if rule.when and rule.when.mentions(root)}
    named = (atom for text in sorted(found) for atom in atoms(text) if atom.path[0] == root)
    return {value for atom in named for value in atom.values if isinstance(value, str) and value}


def _in_matcher(policy: Policy) -> set[str]:
    """The people whom the matcher of a model of one's own names."""
    model = getattr(policy, "model", None)
    texts = {text for pair in model.matcher.compared for text in pair} if model else set[str]()
    return {text for text in texts if text.startswith(("user:", "agent:"))}


def _may_meet(rule: Rule, focus: Rule) -> bool:
    """Whether one request may meet both lines."""
    one, other = rule.tool, focus.tool
    return rule.action == focus.action and overlap(one.server, other.server) and overlap(one.name, other.name)


def _is_about(action: str, thing: Tool | Offer) -> bool:
    return action in ("list", "approve", "admin") or use_of(thing) == action


def _split(path: str) -> tuple[str, str]:
    server, _, name = path.partition("/")
    return server, name


def _filled(glob: str, filling: str) -> str:
    """A name that the pattern matches."""
    server, _, name = glob.partition("/")
    parts = [part.replace("?", "a").replace("*", filling) or "a" for part in (server, name)]
    return "/".join(parts)


def _crossed(one: ToolGlob, other: ToolGlob) -> Iterator[str]:
    """Names that two patterns match, where these are simple: the server of the one with the name of the other."""
    servers = dict.fromkeys((one.server, other.server))
    joined = one.name.rstrip("*") + other.name, other.name.rstrip("*") + one.name
    for server in servers:
        yield from (_filled(f"{server}/{name}", "a") for name in dict.fromkeys((one.name, other.name, *joined)))
    yield _filled(other.text, "")
