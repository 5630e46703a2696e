"""Which decisions two policies make differently, as requests that show it, by the lines that are the cause. Pure.

Requests are made around the lines that only one of them has, and around the people whose roles differ; where their
models differ, around every line. How many are tried is bounded; the report says when something was left out for that.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.policy.again import Again, facts_of
from gateway.policy.changes import Change, Pair
from gateway.policy.decide import Policy
from gateway.policy.history import Recalled, Stopped
from gateway.policy.rows import Rule
from gateway.policy.tally import Counted, Tally
from gateway.policy.witnesses.asking import Asking, Known, Meeting
from gateway.policy.witnesses.search import Search
from gateway.policy.witnesses.values import beyond

__all__ = ["MOST_TRIED", "Differences", "diff"]

MOST_TRIED = 150_000  # requests, by all changed lines together
_FEWEST = 48  # by each
_MOST_PAIRS, _FEWEST_PAIRS = 60_000, 24  # of somebody and something, by all and by each
_ENOUGH_PAIRS = 1_500  # by one
_MOST_PEOPLE = 200  # whose roles differ
_MOST_BY_CASBIN = 2_000  # requests, where Casbin's own engine answers: a millisecond each, or more
_NOTHING: Known = {}

Remembered = tuple[str, Recalled | Stopped, Mapping[str, Any] | None]


class Differences:
    """What was found. `tried` is how many requests were made, `recorded` how many calls both policies decided; `cut`:
    not everything was tried. `too_long` are the lines that ask for a length that no value was made to have, and which.
    """

    def __init__(self, pair: Pair, known: Known = _NOTHING) -> None:
        self.pair, self.tally, self._known = pair, Tally(), known
        self.tried, self.recorded, self.cut = 0, 0, False
        self.too_long: dict[str, int] = {}
        self._counted: set[object] = set()

    @property
    def lines(self) -> int:
        """How many lines only one of the policies has."""
        moved = {grant.key for grant in self.pair.old.grants} ^ {grant.key for grant in self.pair.new.grants}
        return len(self.pair.only_old) + len(self.pair.only_new) + len(moved)

    @property
    def without_effect(self) -> list[str]:
        """The `p` and `o` lines that came, or went without another like them, and are the cause of nothing: other lines
        overrule or repeat them, or they are about nobody. Duties that were eased are the work of the line that went.
        """
        named = {(cause.side, cause.rule) for group in self.tally.groups for cause in group.example.causes}
        came = {_about(rule) for rule in self.pair.only_new}
        gone = [rule for rule in self.pair.only_old if _about(rule) not in came]
        eased = {_about(rule) for rule in self.pair.only_old if rule.kind == "o" and ("old", rule.where) in named}
        come = [rule for rule in self.pair.only_new if _about(rule) not in eased]
        sides: Mapping[str, Sequence[Rule]] = {"old": gone, "new": come}
        return [rule.where for side, rules in sides.items() for rule in rules if (side, rule.where) not in named]

    def fails(self, on: str) -> bool:
        """As `Tally.fails`. Another model, and a length that was not tried, count as what permits more: what was tried
        proves nothing else.
        """
        return self.tally.fails(on) or (on != "none" and (self.pair.model_changed or bool(self.too_long)))

    @property
    def unseen(self) -> list[str]:
        """The lines that changed, if no request and no call shows a difference: that proves nothing."""
        if self.tally.groups:
            return []
        return [rule.where for rule in (*self.pair.only_old, *self.pair.only_new)]

    def add(self, change: Change, call: str = "") -> None:
        """A recorded call, by its name, or a request that was made up: each kind of these counts once."""
        query, effects = change.query, (change.before.effect, change.after.effect)
        kind = query.subject, query.action, query.object, change.kind
        if call or kind not in self._counted:
            self._counted.add(None if call else kind)
            unlike = bool(self._known) and not call and query.tool != self._known.get(query.object)
            self.tally.add(Counted(query, *effects, change.causes, call, change.looks_at, unlike, change.duties))

    def add_recorded(self, calls: Iterable[Remembered]) -> None:
        """Calls of the record (the run's id, the call, the catalogue of then), as far as both policies decide them."""
        both = Again(self.pair.old), Again(self.pair.new)
        for run_id, call, seen in calls:
            if isinstance(call, Stopped):
                continue
            facts = facts_of(call, seen)
            if any(isinstance(policy.decide(facts), str) for policy in both):
                continue
            self.recorded += 1
            if change := self.pair.change(facts.query):
                self.add(change, f"{run_id}/{call.key}")

    def to_json(self) -> dict[str, Any]:
        """A stable shape for `--json`."""
        return {
            "changed_lines": self.lines,
            "model_changed": self.pair.model_changed,
            "requests_tried": self.tried,
            "recorded_calls": self.recorded,
            "cut": self.cut or bool(self.too_long),
            "too_long": self.too_long,
            "counts": dict(self.tally.counts()),
            "changes": [group.to_json() for group in self.tally.groups],
            "without_effect": self.without_effect,
            "unseen": self.unseen,
        }


def diff(old: Policy, new: Policy, known: Known = _NOTHING, most: int = MOST_TRIED) -> Differences:
    """`known` are the tools that there are; what else lines name or match is made up."""
    pair = Pair(old, new)
    found = Differences(pair, known)
    if pair.same:
        return found
    asking = Asking(pair, known)
    about = [*((rule, None) for rule in _changed(pair)), *_by_role(pair, asking)]
    pairs = min(_ENOUGH_PAIRS, max(_FEWEST_PAIRS, _MOST_PAIRS // max(1, len(about))))
    if old.custom or new.custom:
        most, pairs = min(most, _MOST_BY_CASBIN), _FEWEST_PAIRS
    for place, (focus, whom) in enumerate(about):
        if found.tried >= most and pair.model_changed:
            asking.cut = True
            break
        share = max(_FEWEST, (most - found.tried) // (len(about) - place))
        search = Search(pair, share)
        for meeting in asking.worlds(focus, whom, pairs):
            found.too_long |= _too_long(pair, meeting)
            for change in search.changes(meeting, focus):
                found.add(change)
            if search.left <= 0:
                break
        found.tried += share - search.left
        found.cut = found.cut or search.left <= 0
    found.cut = found.cut or asking.cut
    return found


def _changed(pair: Pair) -> Sequence[Rule]:
    """The lines that came or went; all lines, where the model is another one: each may mean something else then."""
    if not pair.model_changed:
        return (*pair.only_new, *pair.only_old)
    return list({rule.key: rule for rule in (*pair.new.lines, *pair.old.lines)}.values())


def _too_long(pair: Pair, meeting: Meeting) -> dict[str, int]:
    """By line, the length that it asks for. What a line denies in both policies does not differ, however long it is."""
    changed = {rule.where for rule in (*pair.only_old, *pair.only_new)}
    asking = [rule for rule in meeting.lines if rule.effect != "deny" or rule.where in changed]
    return {rule.where: max(found) for rule in asking if rule.when and (found := beyond(rule.when.text))}


def _by_role(pair: Pair, asking: Asking) -> list[tuple[Rule, Sequence[str]]]:
    """The lines that are somebody's in only one of the policies, and who these are."""
    people: dict[str, None] = {}
    for mine, other in ((pair.old, pair.new), (pair.new, pair.old)):
        theirs = {grant.key for grant in other.grants}
        for grant in (grant for grant in mine.grants if grant.key not in theirs):
            people.update(dict.fromkeys(sorted(asking.below(grant.member))))
    asking.cut = asking.cut or len(people) > _MOST_PEOPLE
    found: dict[object, tuple[Rule, list[str]]] = {}
    for person in list(people)[:_MOST_PEOPLE]:
        roles = _roles_that_differ(pair, person)
        for rule in (*pair.new.lines, *pair.old.lines):
            if rule.who in roles or (rule.when is not None and rule.when.mentions("subject.roles")):
                whom = found.setdefault(rule.key, (rule, []))[1]
                whom.extend([] if person in whom else [person])
    return list(found.values())


def _roles_that_differ(pair: Pair, person: str) -> frozenset[str]:
    tenants = {*pair.old.roles.grants, *pair.new.roles.grants}
    found = [(pair.old.roles.of_member(person, at), pair.new.roles.of_member(person, at)) for at in tenants]
    return frozenset().union(*(before ^ after for before, after in found))


def _about(rule: Rule) -> tuple[str, ...]:
    """What a line keeps when its condition is edited."""
    return rule.kind, rule.who, rule.tenant, rule.tool.text, rule.action, rule.effect
