"""How much is measured: enough for a stable median, or just enough to see that the benchmark works."""

from dataclasses import dataclass

__all__ = ["FULL", "QUICK", "Scale"]


@dataclass(frozen=True, slots=True)
class Scale:
    """`rounds` visit every system in turn, for `seconds` each. `repeats` of whatever is counted and not timed.

    Without `slowest`, what takes longest is left out.
    """

    rounds: int
    seconds: float
    repeats: int
    slowest: bool


FULL = Scale(rounds=3, seconds=0.4, repeats=5, slowest=True)
QUICK = Scale(rounds=1, seconds=0.05, repeats=1, slowest=False)
