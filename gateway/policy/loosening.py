"""The duties of one decision beside those of another: whether they are the same, or let more through. Pure.

In doubt they do: fields that are named in another way count as given free, unless the new name surely covers the old.
"""

from dataclasses import replace

from gateway.duties import Duties
from gateway.policy.globs import covers

__all__ = ["canonical", "loosens", "same"]

_FREE = Duties()
_REMEMBERS = {False: 0, None: 1, True: 2}


def same(before: Duties | None, after: Duties | None) -> bool:
    """Whether neither lets through what the other holds back, whichever lines say so, and in whatever words."""
    if before is None and after is None:  # of nearly every call
        return True
    return not loosens(before, after) and not loosens(after, before)


def loosens(before: Duties | None, after: Duties | None) -> bool:
    """Whether something may pass with `after` that may not with `before`; of a dry run nothing does."""
    old, new = canonical(before), canonical(after)
    if new.dry_run:
        return False
    return (
        old.dry_run
        or (old.secrets and not new.secrets)
        or _more(old.max_result_bytes, new.max_result_bytes)
        or _more(old.seconds, new.seconds)
        or _asks_less(old, new)
        or any(not any(_covers(path, field) for path in new.redact) for field in old.redact)
    )


def _asks_less(old: Duties, new: Duties) -> bool:
    """Of people: fewer of them, or others, or once for many calls."""
    remembers = _REMEMBERS[new.remember] > _REMEMBERS[old.remember]
    return new.needs < old.needs or remembers or (new.escalate is not None and new.escalate != old.escalate)


def canonical(duties: Duties | None) -> Duties:
    """The same, written in one way, and by nobody."""
    if duties is None:
        return _FREE
    return replace(duties, redact=tuple(sorted({path.casefold() for path in duties.redact})), rules=())


def _more(before: float | None, after: float | None) -> bool:
    return before is not None and (after is None or after > before)


def _covers(path: str, field: str) -> bool:
    """Whether all that `field` names (`customer.iban`) is surely named by `path` (`iban`): both are ends of paths."""
    steps, wanted = path.split("."), field.split(".")
    ends = zip(reversed(steps), reversed(wanted), strict=False)
    return len(steps) <= len(wanted) and all(covers(step, other) for step, other in ends)
