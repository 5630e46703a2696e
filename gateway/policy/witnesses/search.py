"""The requests themselves: one for each way in which a changed line can make two policies differ. Pure, deterministic.

Of everything that the lines of a request look at there are a few values to try (`domains`). All combinations are tried
where they are few. Where they are not, values are changed one at a time until the line decides: it takes part, a line
that allows takes part, and none of those that would overrule it does; from there, each value once to every other one.
Then some combinations from all over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from math import prod
from typing import Any

from gateway.policy.changes import STRICTNESS, Change, Pair
from gateway.policy.condition import Part, holds
from gateway.policy.decide import Policy, principals
from gateway.policy.rows import Rule
from gateway.policy.scope import Query
from gateway.policy.witnesses.asking import Meeting
from gateway.policy.witnesses.domains import Domains, World, built, domains
from gateway.policy.witnesses.values import Steps

__all__ = ["Search"]

MOST_COMBINED = 600  # combinations that are all tried
MOST_TOGETHER = 150  # of what one part of a condition looks at
MOST_STEPS = 48  # to where a line decides
MOST_GRANTING, MOST_ASKING = 5, 3  # lines that allow, or ask, of which one is wanted to
MOST_SCATTERED = 200  # combinations from all over
Chosen = dict[Steps, Any]


@dataclass(frozen=True, slots=True)
class _Goal:
    """A line of a policy takes part, for this principal, or does not."""

    policy: Policy
    principal: str
    rule: Rule
    takes_part: bool

    def missed(self, query: Query) -> tuple[Part, ...]:
        """The parts of its condition of which one has to be another, or all; none: it is reached, or never can be."""
        if self.rule.when is None:
            return ()
        scope = self.policy.scope(query, self.principal)
        if holds(self.rule.effect, self.rule.when.test(scope)) is self.takes_part:
            return ()
        found = [
            part for part in self.rule.when.parts if holds(self.rule.effect, part.test(scope)) is not self.takes_part
        ]
        return tuple(found) or self.rule.when.parts


class Search:
    """`changes(world, focus)` until `left`, the number of requests that may still be tried, is used up."""

    def __init__(self, pair: Pair, most: int) -> None:
        self._pair, self.left = pair, most

    def changes(self, meeting: Meeting, focus: Rule) -> Iterator[Change]:
        """What changes in one kind of request."""
        world, lines = meeting.world, tuple([rule for _, rule in side] for side in (meeting.old, meeting.new))
        tried = domains([rule.when.text for rule in meeting.lines if rule.when], world)
        seen: set[object] = set()
        for chosen in self._tried(world, focus, tried, lines):
            if self.left <= 0:
                return
            self.left -= 1
            change = self._pair.change(built(world, chosen))
            kind = change and change.kind
            if change and kind not in seen:
                seen.add(kind)
                yield self._shortened(world, chosen, tried, change)

    def _tried(self, world: World, focus: Rule, tried: Domains, lines: Sequence[Sequence[Rule]]) -> Iterator[Chosen]:
        paths = list(tried)
        if prod(len(values) for values in tried.values()) <= MOST_COMBINED:
            yield from (dict(zip(paths, values, strict=True)) for values in product(*tried.values()))
            return
        usual: Chosen = {path: values[0] for path, values in tried.items()}
        yield usual
        for goals in self._goals(world, focus, lines):
            chosen = self._reached(world, tried, usual, goals)
            yield chosen
            yield from ({**chosen, path: value} for path, values in tried.items() for value in values)
        for turn in range(MOST_SCATTERED):
            yield {
                path: values[_scattered(turn, place) % len(values)]
                for place, (path, values) in enumerate(tried.items())
            }

    def _goals(self, world: World, focus: Rule, lines: Sequence[Sequence[Rule]]) -> Iterator[Sequence[_Goal]]:
        """The line takes part and decides: with each line that could be the one that allows."""
        for policy, found in zip((self._pair.old, self._pair.new), lines, strict=True):
            rules = list(dict.fromkeys(found))
            for mine in (rule for rule in rules if rule.key == focus.key):
                for granting in _granting(mine, rules):
                    overruling = [rule for rule in rules if rule not in granting and _overrules(rule, mine)]
                    wanted = [(rule, True) for rule in (mine, *granting)] + [(rule, False) for rule in overruling]
                    yield [
                        _Goal(policy, principal, rule, part)
                        for rule, part in dict(wanted).items()
                        for principal in _whose(policy, world, rule)
                    ]

    def _reached(self, world: World, tried: Domains, usual: Chosen, goals: Sequence[_Goal]) -> Chosen:
        """As near to all goals as one comes by changing what one part of a condition looks at, again and again."""
        chosen = usual
        missed = _missed(goals, built(world, chosen))
        for _ in range(MOST_STEPS):
            steps = self._steps(world, tried, chosen, goals, missed)
            best = min(steps, key=lambda step: _distance(step[0]), default=None)
            if best is None or _distance(best[0]) >= _distance(missed):
                break
            missed, chosen = best
        return chosen

    def _steps(
        self, world: World, tried: Domains, chosen: Chosen, goals: Sequence[_Goal], missed: Sequence[Sequence[Part]]
    ) -> Iterator[tuple[Sequence[Sequence[Part]], Chosen]]:
        """What is missed after each possible change for the sake of the first that is."""
        for part in next((parts for parts in missed if parts), ()):
            own = [path for path in domains([part.text], world) if path in tried]
            for values in islice(product(*(tried[path] for path in own)), MOST_TOGETHER):
                self.left -= 1
                step = {**chosen, **dict(zip(own, values, strict=True))}
                yield _missed(goals, built(world, step)), step

    def _shortened(self, world: World, chosen: Chosen, tried: Domains, change: Change) -> Change:
        """The same change with as many values as possible as they usually are."""
        best, kept = change, dict(chosen)
        for path, values in tried.items():
            if kept[path] is not values[0]:
                self.left -= 1
                simpler = self._pair.change(built(world, {**kept, path: values[0]}))
                if simpler and _same(simpler, change):
                    best, kept[path] = simpler, values[0]
        return best


def _same(one: Change, other: Change) -> bool:
    return one.kind == other.kind and one.duties == other.duties


def _granting(focus: Rule, rules: Sequence[Rule]) -> list[tuple[Rule, ...]]:
    """With which lines it can be seen what this one does: alone if it allows, else with one that does; and where it
    denies, with one that would ask.
    """
    if focus.effect == "allow":
        return [()]
    allowing = sorted((rule for rule in rules if rule.effect == "allow"), key=lambda rule: rule.when is not None)
    asking = [rule for rule in rules if rule.kind == "p" and rule.effect == "ask" and focus.effect == "deny"]
    pairs = [(one, other) for other in asking[:MOST_ASKING] for one in allowing[:1]]
    return [*((rule,) for rule in allowing[:MOST_GRANTING]), *pairs]


def _scattered(turn: int, place: int) -> int:
    """A number that looks like chance, and is the same each time (Knuth's multiplicative hash)."""
    return ((turn + 1) * 2_654_435_761 ^ (place + 1) * 40_503 * (turn + 7)) >> 5


def _overrules(rule: Rule, focus: Rule) -> bool:
    """Whether the line keeps one from seeing what the other does."""
    if rule.key == focus.key:
        return False
    if "o" in (rule.kind, focus.kind):
        return focus.kind == "o" and (rule.kind == "o" or rule.effect == "deny")
    if focus.effect == "allow":
        return rule.effect != "ask"
    return STRICTNESS[rule.effect] >= STRICTNESS[focus.effect]


def _whose(policy: Policy, world: World, rule: Rule) -> list[str]:
    """The principals for whom the line counts."""
    tenant = world.subject.tenant
    return [
        who
        for who in principals(world.subject)
        if rule.who in ("*", who) or rule.who in policy.roles.of_member(who, tenant)
    ]


def _missed(goals: Sequence[_Goal], query: Query) -> Sequence[Sequence[Part]]:
    return [goal.missed(query) for goal in goals]


def _distance(missed: Sequence[Sequence[Part]]) -> int:
    return sum(map(len, missed))
