"""Which claims of a verified token say who somebody is: `"user:{email}"`, `"{org}"`. Pure.

Only the claims that the admin names count, one in each template, so that no two people can be written the same. What
is missing, or can't stand in a policy line, is nobody: never a default.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.call import Subject
from gateway.identity import SCOPE, TENANT, Identity, user_name

__all__ = ["ClaimRules", "Template", "Unmapped", "identity_of"]

_FAR = 1e11  # seconds since 1970: later is nonsense, and NaN is less than nothing
_TEMPLATE = re.compile(r"([^{}]*)\{([^{}\s]{1,256})\}([^{}]*)")


class Unmapped(ValueError):
    """A token that is good, and says nothing that we know a person by. The text names the claim, never its value."""


@dataclass(frozen=True, slots=True)
class Template:
    """Text around one claim; `claim` None: always the same text."""

    before: str
    claim: str | None = None
    after: str = ""

    @classmethod
    def of(cls, text: str) -> "Template":
        """Raises ValueError for more than one claim, and for braces that are none."""
        if "{" not in text and "}" not in text:
            return cls(text)
        match = _TEMPLATE.fullmatch(text)
        if match is None:
            raise ValueError("write one claim in braces, such as `{sub}`, with plain text around it")
        return cls(match[1], match[2], match[3])

    def filled(self, claims: Mapping[str, Any]) -> str:
        """Raises Unmapped for a claim that is not there, or is neither text nor a whole number."""
        if self.claim is None:
            return self.before
        value = claims.get(self.claim)
        if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
            raise Unmapped(f"the token has no claim `{self.claim}` that is text")
        if self.claim == "email" and claims.get("email_verified", True) is not True:
            raise Unmapped("the claim `email` is not verified")  # anybody may have typed it
        return f"{self.before}{value}{self.after}"


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """`user` begins with `user:`."""

    user: Template
    tenant: Template


def identity_of(claims: Mapping[str, Any], rules: ClaimRules, leeway: float) -> Identity:
    """Who a verified token speaks for. `claims` has `iss` and `exp`. Raises Unmapped."""
    user = user_name(rules.user.filled(claims).removeprefix("user:"))
    if user is None:
        raise Unmapped(f"the claim `{rules.user.claim}` is no name that a policy line can hold")
    tenant = rules.tenant.filled(claims)
    if not TENANT.fullmatch(tenant):
        raise Unmapped(f"the claim `{rules.tenant.claim}` is no tenant that a policy line can hold")
    subject = Subject(user, tenant, since=_since(claims))
    return Identity(subject, _scopes(claims), float(claims["exp"]) + leeway, f"token of {claims['iss']}")


def _since(claims: Mapping[str, Any]) -> float | None:
    """When he logged in (`auth_time`, RFC 9068 section 2.2.1); if the issuer does not say, when the token was made."""
    told = claims.get("auth_time", claims.get("iat"))
    return float(told) if type(told) in (int, float) and 0 <= told < _FAR else None


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """`scope` of RFC 9068 section 2.2.3; `scp`, as some servers write it, as text or as a list."""
    given = claims.get("scope", claims.get("scp", ""))
    words = given.split() if isinstance(given, str) else given if isinstance(given, list) else ()
    return frozenset(word for word in words if isinstance(word, str) and SCOPE.fullmatch(word))
