"""What another policy would have said to the calls that were made: counted, call after call. Pure.

The record says what was said then. So that one knows whether to believe the answer, the policy in force is asked too:
where it is the one that judged a call, it must say again what the record says. What a call had to keep to is not taken
from the record, but is what the policy in force says of it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.policy.again import Again, Facts, facts_of
from gateway.policy.changes import Cause, Pair
from gateway.policy.decide import Decision, Policy
from gateway.policy.history import Recalled, Stopped
from gateway.policy.loosening import same
from gateway.policy.tally import Counted, Tally

__all__ = ["Backtest", "Check"]

_SHOWN = 5  # calls that were not decided as the record says


@dataclass(slots=True)
class Check:
    """How far the policy in force says again what the record says. Its own decisions; those of which the record does
    not name the policy (denials of older versions); and those of other policies, which are not compared.
    """

    same: int = 0
    reproduced: int = 0
    unnamed: int = 0
    unnamed_reproduced: int = 0
    others: int = 0
    differing: list[str] = field(default_factory=list)  # the first of its own, as `RUN/KEY`

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


class Backtest:
    """`add` what a run's record gives, then look at the counts."""

    def __init__(self, old: Policy, new: Policy) -> None:
        self._pair, self._old, self._new = Pair(old, new), Again(old), Again(new)
        self.tally, self.check = Tally(), Check()
        self.decided: Counter[str] = Counter()  # calls that were decided again, by what the record says
        self.undecided: Counter[str] = Counter()  # calls that can't be, by reason
        self.stopped: Counter[str] = Counter()  # calls that another gate ended, by gate

    @property
    def model_changed(self) -> bool:
        """Whether the two have different models: then what the record does not show may have changed, too."""
        return self._pair.model_changed

    def fails(self, on: str) -> bool:
        """As `Tally.fails`. Another model counts as one that permits more: no record proves anything else."""
        return self.tally.fails(on) or (self.model_changed and on != "none")

    def add(self, run_id: str, call: Recalled | Stopped, seen: Mapping[str, Any] | None) -> None:
        """`seen` is the catalogue that was seen when the call was judged, if that is known."""
        if isinstance(call, Stopped):
            self.stopped[call.gate] += 1
            return
        facts, name = facts_of(call, seen), f"{run_id}/{call.key}"
        before, after = self._old.decide(facts), self._new.decide(facts)
        if isinstance(before, Decision):
            self._compare(name, call, before)
        if isinstance(after, str):
            self.undecided[after] += 1
            return
        self.decided[call.effect] += 1
        known = isinstance(before, Decision) and before.effect == call.effect
        duties = (before.duties if isinstance(before, Decision) else None, after.duties) if known else (None, None)
        if after.effect != call.effect or not same(*duties):
            causes = self._causes(facts, call, before, after)
            looks_at = self._pair.looks_at(facts.query)
            self.tally.add(Counted(facts.query, call.effect, after.effect, causes, name, looks_at, duties=duties))

    def _compare(self, name: str, call: Recalled, again: Decision) -> None:
        as_recorded = again.effect == call.effect and _same_line(again.rule, call.rule)
        if call.policy == self._old.policy.digest:
            self.check.same += 1
            self.check.reproduced += as_recorded
            if not as_recorded and len(self.check.differing) < _SHOWN:
                self.check.differing.append(name)
        elif call.policy is None:
            self.check.unnamed += 1
            self.check.unnamed_reproduced += as_recorded
        else:
            self.check.others += 1

    def _causes(self, facts: Facts, call: Recalled, before: Decision | str, after: Decision) -> tuple[Cause, ...]:
        """Where the policy in force does not say what was said then, the line that the record names."""
        if isinstance(before, Decision) and before.effect == call.effect:
            return self._pair.causes(facts.query, before, after)
        old = [Cause("old", call.rule, "")] if call.rule else []
        new = [Cause("new", after.rule, after.why)] if after.rule else []
        return (*old, *new)

    def to_json(self) -> dict[str, Any]:
        """A stable shape for `--json`."""
        return {
            "decided_again": sum(self.decided.values()),
            "recorded": dict(self.decided),
            "model_changed": self.model_changed,
            "counts": self.tally.counts(),
            "changes": [group.to_json() for group in self.tally.groups],
            "can_not_be_decided": dict(self.undecided.most_common()),
            "stopped_at_other_gates": dict(self.stopped.most_common()),
            "self_check": self.check.to_json(),
        }


def _same_line(rule: str | None, recorded: str | None) -> bool:
    """Whether they name one line; from wherever its folder was looked at."""
    return (rule or "").rpartition("/")[2] == (recorded or "").rpartition("/")[2]
