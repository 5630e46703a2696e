"""What calls of tools cost, as the admin says: by glob of `server/tool`, the one with the most characters counts. Pure.

A price is fixed, or what the result says in its `_meta`, and then it has an upper bound: that is reserved, and counted
wherever the result says nothing that is an amount. So it is never negative, never NaN, and never more than the admin
has agreed to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase

from gateway.budget import nanos
from gateway.call import Answered, Outcome

__all__ = ["FREE", "META", "UNKNOWN", "Toll", "Tolls"]

META = "toolgate/cost-usd"  # in the `_meta` of a result: US dollars, as a number or as text


@dataclass(frozen=True, slots=True)
class Toll:
    """`nanos` at most; None where a call is refused because nobody knows what it costs. `meta` is where the result says
    what it was.
    """

    nanos: int | None
    meta: str | None = None

    def charged(self, outcome: Outcome) -> int:
        """Nanos, of a call that has left."""
        most = self.nanos or 0
        if self.meta is None or not isinstance(outcome, Answered):
            return most
        meta = outcome.result.get("_meta")
        said = _amount(meta.get(self.meta)) if isinstance(meta, Mapping) else None
        return most if said is None else min(said, most)


FREE = Toll(0)
UNKNOWN = Toll(None)


@dataclass(frozen=True, slots=True)
class Tolls:
    """All of them, by glob. A tool that no glob fits costs nothing, where no budget counts its money."""

    by_glob: Mapping[str, Toll] = field(default_factory=dict)

    def of(self, path: str) -> Toll:
        return self.said_of(path) or FREE

    def said_of(self, path: str) -> Toll | None:
        """None where no glob fits."""
        fits = [glob for glob in self.by_glob if fnmatchcase(path, glob)]
        return self.by_glob[max(fits, key=len)] if fits else None


def _amount(said: object) -> int | None:
    """US dollars as nanos, rounded up; None for what is none."""
    if isinstance(said, bool) or not isinstance(said, (int, float, str)) or len(str(said)) > 40:
        return None
    try:
        amount = Decimal(str(said))
    except InvalidOperation:
        return None
    return nanos(amount) if amount.is_finite() and 0 <= amount < 10**9 else None
