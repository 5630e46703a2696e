"""Tokens that say who a subject is, for as long as they hold: what an exchange on his behalf begins with.

They are for the authorization server that exchanges them, never for an MCP server. They live in memory only.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.call import Subject

__all__ = ["SubjectToken", "SubjectTokens"]

MOST = 10_000  # subjects; who has not been seen for longest is forgotten first


@dataclass(frozen=True, slots=True)
class SubjectToken:
    """`expires` in Unix seconds, None when nobody said."""

    text: str = field(repr=False)
    expires: float | None = None


class SubjectTokens:
    """The newest token of each subject. Whoever verifies tokens calls `keep`; exchanges call `of`."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, str], SubjectToken] = {}

    def keep(self, subject: Subject, token: str, expires: float | None = None) -> None:
        """Takes the place of an older one. The token must have been verified to be this subject's."""
        self._kept.pop(subject.person, None)
        self._kept[subject.person] = SubjectToken(token, expires)
        if len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]

    def of(self, subject: Subject) -> SubjectToken | None:
        """This subject's token, if it still holds."""
        found = self._kept.get(subject.person)
        if found is None or (found.expires is not None and found.expires <= self._clock()):
            return None
        return found
