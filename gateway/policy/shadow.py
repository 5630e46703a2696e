"""A candidate beside the policy in force: where it would have said something else. Pure.

Only another effect is a difference, or other duties; another line that gives the same is none.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.duties import Duties
from gateway.policy.decide import Decision, Policy
from gateway.policy.loosening import same
from gateway.policy.scope import Query
from gateway.policy.version import Files
from gateway.policy.wording import Effect

__all__ = ["MOST", "SAMPLE", "Candidate", "Difference", "Found", "Heard", "Tally", "compare"]

MOST = 1_000  # different differences that are told apart; of more only the number is known
SAMPLE = 500  # characters of the arguments of one call

Heard = tuple[Query, Decision]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may become the policy. `base` is the digest of the files that it was made beside; `at` in milliseconds."""

    digest: str
    base: str
    by: str
    at: int
    folder: bool
    files: Files = field(repr=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """One kind of difference: whose call of what, what it got by which line, and what it would have got.

    With the same effect it is one of duties, which are then given; empty for none.
    """

    who: str
    tenant: str
    action: str
    tool: str
    old: Effect
    old_line: str | None
    new: Effect
    new_line: str | None
    old_duties: str = ""
    new_duties: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """How often a difference was seen, when first and last (milliseconds), and the arguments of the first call."""

    difference: Difference
    count: int
    first: int
    last: int
    sample: str

    def to_json(self) -> dict[str, Any]:
        seen = {"count": self.count, "first": self.first, "last": self.last, "sample": self.sample}
        return asdict(self.difference) | seen


@dataclass(frozen=True, slots=True)
class Tally:
    """`seen` decisions were compared; for `failed` of them the candidate broke, `unheard` came too fast to compare."""

    seen: int = 0
    differed: int = 0
    failed: int = 0
    unheard: int = 0
    found: tuple[Found, ...] = ()


def compare(candidate: Policy, heard: Iterable[Heard], at: int) -> Tally:
    """What the candidate says to decisions that were made. Never raises, whatever the candidate does."""
    seen = differed = failed = 0
    found: dict[Difference, tuple[int, str]] = {}
    for query, old in heard:
        seen += 1
        try:
            new = candidate.decide(query)
        except Exception:  # noqa: BLE001 - it is only a candidate
            failed += 1
            continue
        if new.effect == old.effect and same(old.duties, new.duties):
            continue
        differed += 1
        difference = _difference(query, old, new)
        if difference in found or len(found) < MOST:
            count, sample = found.get(difference) or (0, _sample(query))
            found[difference] = count + 1, sample
    rows = tuple(Found(it, count, at, at, sample) for it, (count, sample) in found.items())
    return Tally(seen, differed, failed, 0, rows)


def _difference(query: Query, old: Decision, new: Decision) -> Difference:
    subject = query.subject
    who = subject.user if subject.agent is None else f"{subject.user} via {subject.agent}"
    asked = who, subject.tenant, query.action, query.object
    if old.effect != new.effect:
        return Difference(*asked, old.effect, old.rule, new.effect, new.rule)
    lines = _lines(old.duties), _lines(new.duties)
    return Difference(*asked, old.effect, lines[0], new.effect, lines[1], _said(old.duties), _said(new.duties))


def _lines(duties: Duties | None) -> str | None:
    return ", ".join(duties.rules) if duties else None


def _said(duties: Duties | None) -> str:
    return str(duties) if duties else ""


def _sample(query: Query) -> str:
    text = json.dumps(query.args, default=str, ensure_ascii=False)
    return text if len(text) <= SAMPLE else f"{text[:SAMPLE]}…"
