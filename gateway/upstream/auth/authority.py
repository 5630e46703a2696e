"""What a server's configuration says about how to get in, and the places that it may name. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from gateway.reach import Reach

__all__ = ["SUBJECT_TOKEN_TYPES", "Authority", "ClientKeys", "Method", "resource_of"]

Method = Literal["client_secret_basic", "client_secret_post"]

SUBJECT_TOKEN_TYPES: Mapping[str, str] = {  # RFC 8693 section 3
    "access_token": "urn:ietf:params:oauth:token-type:access_token",
    "id_token": "urn:ietf:params:oauth:token-type:id_token",
    "jwt": "urn:ietf:params:oauth:token-type:jwt",
}


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """Who the gateway is to an authorization server."""

    id: str
    secret: str | None = field(default=None, repr=False)
    method: Method = "client_secret_basic"


@dataclass(frozen=True, slots=True)
class Authority:
    """How to get into one server. `url` is the server's own; `issuer` pins the authorization server, if it is given.

    `scopes` are separated by spaces; empty: what the server asks for. `reach` is where requests about it may go.
    """

    server: str
    url: str = field(repr=False)
    reach: Reach
    issuer: str | None = None
    client: ClientKeys | None = None
    scopes: str = ""

    @property
    def resource(self) -> str:
        """What tokens are for (RFC 8707)."""
        return resource_of(self.url)


def resource_of(url: str) -> str:
    """The address without user info, query and fragment: those may hold secrets."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    return urlunsplit((parts.scheme.lower(), host, parts.path, "", ""))
