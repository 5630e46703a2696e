"""What a refusal says: `WWW-Authenticate` of RFC 6750, with `resource_metadata` of RFC 9728. Pure.

It says what to bring, and never what was wrong with what was brought.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from gateway.auth import Refusal

__all__ = ["APPROVALS", "METADATA_PATH", "Challenges", "Resource"]

APPROVALS = "/approvals"

METADATA_PATH = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True, slots=True)
class Resource:
    """What clients ask tokens for: its URL, as they reach it, and who gives the tokens out."""

    url: str
    issuer: str

    @property
    def metadata_url(self) -> str:
        """RFC 9728 section 3.1: the well-known path stands between the host and the resource's own path."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{METADATA_PATH}{parts.path.rstrip('/')}"

    def metadata(self, scopes: AbstractSet[str]) -> Mapping[str, Any]:
        """RFC 9728 section 2."""
        found = {
            "resource": self.url,
            "authorization_servers": [self.issuer],
            "bearer_methods_supported": ["header"],
            "resource_name": "Toolgate",
        }
        return found | ({"scopes_supported": sorted(scopes)} if scopes else {})


@dataclass(frozen=True, slots=True)
class Challenges:
    """`scopes` is what a request must have, `by_path` where it is something else."""

    scopes: AbstractSet[str] = frozenset()
    by_path: Mapping[str, AbstractSet[str]] = field(default_factory=dict)
    resource: Resource | None = None

    def needed(self, path: str) -> AbstractSet[str]:
        return self.by_path.get(path, self.scopes)

    def opens(self, path: str, scopes: AbstractSet[str], *, key: bool) -> bool:
        """Whether who brings these scopes may come in there. A `key` that was made for parts of what is served opens
        these parts only; a token's scopes are its issuer's affair, who knows nothing of ours.
        """
        needed = self.needed(path)
        return needed <= scopes and (bool(needed) or not (key and self._for_parts(scopes)))

    def _for_parts(self, scopes: AbstractSet[str]) -> bool:
        """Not so where nothing that is served asks for any scope, and for the scope of those who approve alone."""
        asked = frozenset(self.scopes).union(*(needed for path, needed in self.by_path.items() if path != APPROVALS))
        own = scopes - (self.by_path.get(APPROVALS, frozenset()) - asked)
        whole = bool(self.scopes) and self.scopes <= scopes
        return bool(asked) and bool(own) and not whole

    @property
    def all_scopes(self) -> AbstractSet[str]:
        return frozenset(self.scopes).union(*self.by_path.values())

    def missing(self, path: str) -> Refusal:
        """Nothing was presented: RFC 6750 section 3.1 wants no error code then."""
        return Refusal(401, self._bearer(path))

    def invalid(self, path: str) -> Refusal:
        """Unknown, expired, revoked, malformed, for somebody else: all the same to whoever is refused."""
        return Refusal(401, self._bearer(path, "invalid_token"))

    def insufficient(self, path: str) -> Refusal:
        """Somebody we know, who may not be here with what he brought."""
        return Refusal(403, self._bearer(path, "insufficient_scope"))

    def _bearer(self, path: str, error: str = "") -> str:
        """Values hold no quotes: scopes have none by RFC 6749, and a URL with one is refused in the configuration."""
        scope = " ".join(sorted(self.needed(path)))
        url = self.resource.metadata_url if self.resource else ""
        fields = {"realm": "toolgate", "error": error, "scope": scope, "resource_metadata": url}
        return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in fields.items() if value)
