"""What an authorization server has granted: a token, until when, and what it takes to renew it. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.call import JsonObject

__all__ = ["MARGIN", "Grant"]

MARGIN = 10.0  # seconds before its end in which a token is renewed: it must not end on the way


@dataclass(frozen=True, slots=True)
class Grant:
    """Times are Unix seconds; `expires` is None when nobody said. Its repr shows no token.

    `client`, `issuer_metadata` and `resource_metadata` are what the authorization server said at the log-in, as JSON:
    a renewal goes to that server, whatever the MCP server names by then.
    """

    access_token: str = field(repr=False)
    obtained: float
    expires: float | None = None
    scope: str | None = None
    refresh_token: str | None = field(default=None, repr=False)
    issuer: str = ""
    client: JsonObject | None = field(default=None, repr=False)
    issuer_metadata: JsonObject | None = field(default=None, repr=False)
    resource_metadata: JsonObject | None = field(default=None, repr=False)

    @property
    def headers(self) -> Mapping[str, str]:
        """What a request carries (RFC 6750)."""
        return {"authorization": f"Bearer {self.access_token}"}

    def fresh(self, now: float) -> bool:
        """Whether the token will still hold when a request that is sent now arrives."""
        return self.expires is None or now < self.expires - MARGIN

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Grant":
        """Raises TypeError for what is no grant."""
        return cls(**value)
