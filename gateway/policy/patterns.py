"""Regular expressions in conditions, by RE2: its time is linear in the text, whoever wrote the text. Pure, total.

Why at all: a glob can't say "digits only" (an IBAN, an order number), and RE2 is here already, for the patterns of
tools' schemas. Python's own `re` is never given a policy's pattern: it goes back, and `(a+)+$` against 30 letters would
stop the gateway. What RE2 may use of memory is bounded, and so is the text: a longer one is undecidable.
"""

from collections.abc import Callable, Sequence
from typing import Any

from gateway.policy.logic import UNDECIDED

__all__ = ["LONGEST", "matches_regex"]

LONGEST = 65_536  # characters of a text
MEMORY = 1 << 20  # bytes of one compiled pattern


def matches_regex(patterns: Sequence[str]) -> Callable[[Any], Any]:
    """Whether the whole of a text matches one of the patterns; `.` is any character, as `?` is in a glob.

    Raises ValueError for what RE2 does not take (references backwards, lookarounds, too large a repetition).
    """
    found = [_compiled(pattern) for pattern in patterns]

    def run(value: Any) -> Any:
        if type(value) is not str or len(value) > LONGEST:
            return UNDECIDED
        try:
            return any(pattern.fullmatch(value) is not None for pattern in found)
        except UnicodeEncodeError:  # half of a character
            return UNDECIDED

    return run


def _compiled(pattern: str) -> Any:
    import re2  # 15 ms, for those policies that have one

    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    options.max_mem = MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        why = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"`{pattern}` is no pattern: {why}") from None
