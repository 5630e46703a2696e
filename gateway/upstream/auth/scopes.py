"""Scopes, as servers ask for them and as tokens have them. Pure.

A server whose token is good but not for this says so with HTTP 403, `error="insufficient_scope"` and the scopes that it
wants (RFC 6750 section 3.1; MCP, Authorization: scope challenge handling). What it says is text from elsewhere: only
what can be a scope is taken, and only so much.
"""

import re
from collections.abc import Sequence

from gateway.identity import SCOPE

__all__ = ["challenge_in", "lacking", "named", "scopes_in", "united"]

MOST = 32  # scopes of one challenge

_TOO_LITTLE = re.compile(r'(?:^|[\s,])error\s*=\s*"?insufficient_scope(?![\w])', re.IGNORECASE)
_SCOPE = re.compile(r'(?:^|[\s,])scope\s*=\s*"([^"]*)"', re.IGNORECASE)


def challenge_in(status: int, header: str | None) -> str | None:
    """The WWW-Authenticate header of a refusal that other credentials could mend: of any 401 ("" without one), and of
    a 403 for want of scopes. None for all else.
    """
    if status == 401:
        return header or ""
    return header if status == 403 and header and _TOO_LITTLE.search(header) else None


def lacking(challenge: str) -> Sequence[str] | None:
    """The scopes that are missing, perhaps none that is named; None when it is not about scopes."""
    return scopes_in(challenge) if _TOO_LITTLE.search(challenge) else None


def scopes_in(challenge: str) -> Sequence[str]:
    """What a challenge asks for."""
    found = _SCOPE.search(challenge)
    words = found[1].split(" ") if found else []
    return [word for word in dict.fromkeys(words) if SCOPE.fullmatch(word)][:MOST]


def united(*scopes: str | None) -> str:
    """All of them, separated by spaces, each once, in the order in which they come."""
    return " ".join(dict.fromkeys(word for text in scopes for word in (text or "").split()))


def named(scopes: Sequence[str]) -> str:
    """`the scope `a`` or `the scopes `a`, `b``, for a sentence."""
    listed = ", ".join(f"`{scope}`" for scope in scopes)
    if not scopes:
        return "another scope, which it does not name"
    return f"the scope {listed}" if len(scopes) == 1 else f"the scopes {listed}"
