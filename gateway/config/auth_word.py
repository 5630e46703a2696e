"""The keys of `[servers.NAME]` that say how to get into a server, and which of them go together.

Secrets stand in the environment, never in the file: `client_secret = "${NAME}"` and nothing else.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from gateway.config.table import Strings, Table, WebAddress
from gateway.config.templates import Variable, pieces

__all__ = ["AuthKind", "AuthWord"]

AuthKind = Literal["oauth", "client_credentials", "token_exchange", "id_jag"]

_EVERY: tuple[AuthKind, ...] = ("oauth", "client_credentials", "token_exchange", "id_jag")
_OWN: tuple[AuthKind, ...] = ("client_credentials", "token_exchange", "id_jag")
_BEHALF: tuple[AuthKind, ...] = ("token_exchange", "id_jag")

# Which keys go with which `auth`, and which of them it can't do without.
_GOES_WITH: Mapping[str, tuple[AuthKind, ...]] = {
    "issuer": _EVERY,
    "client_id": _EVERY,
    "client_secret": _EVERY,
    "client_auth": _EVERY,
    "scopes": _EVERY,
    "client_metadata_url": ("oauth",),
    "redirect_port": ("oauth",),
    "audience": ("token_exchange",),
    "subject_token": _BEHALF,
    "subject_token_type": _BEHALF,
    "idp_issuer": ("id_jag",),
    "idp_client_id": ("id_jag",),
    "idp_client_secret": ("id_jag",),
}
_NEEDS: Mapping[AuthKind, tuple[str, ...]] = {
    "oauth": (),
    "client_credentials": ("issuer", "client_id", "client_secret"),
    "token_exchange": ("issuer", "client_id"),
    "id_jag": ("issuer", "client_id", "client_secret", "idp_issuer", "idp_client_id"),
}

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 3.3


def _from_environment(value: object) -> object:
    """A text that only names variables. The text is not repeated: it may be the secret itself."""
    if not isinstance(value, str):
        return value
    parts = [piece for piece in pieces(value) if piece != ""]
    if not parts or any(not isinstance(piece, Variable) or piece.default for piece in parts):
        raise ValueError("must come from the environment: write `${NAME}`; the secret itself does not belong here")
    return value


def _document(value: object) -> object:
    """MCP, Client ID Metadata Documents: an https address with a path."""
    if isinstance(value, str):
        parts = urlsplit(value)
        if parts.scheme != "https" or not parts.hostname or parts.path in ("", "/"):
            raise ValueError("must be an https address with a path, such as `https://example.com/toolgate.json`")
    return value


Secret = Annotated[str, BeforeValidator(_from_environment)]
Document = Annotated[str, BeforeValidator(_document)]


class AuthWord(Table):
    """How to get into a server. None of it is said for a server that takes anybody, or a static header."""

    auth: AuthKind | None = None
    issuer: WebAddress | None = None
    client_id: str | None = None
    client_secret: Secret | None = Field(default=None, repr=False)
    client_auth: Literal["basic", "post"] = "basic"
    scopes: Strings = ()
    client_metadata_url: Document | None = None
    redirect_port: Annotated[int, Field(ge=0, le=65535)] = 0
    audience: str | None = None
    subject_token: Secret | None = Field(default=None, repr=False)
    subject_token_type: Literal["access_token", "id_token", "jwt"] = "access_token"  # noqa: S105 - a name
    idp_issuer: WebAddress | None = None
    idp_client_id: str | None = None
    idp_client_secret: Secret | None = Field(default=None, repr=False)

    @field_validator(*_GOES_WITH)
    @classmethod
    def _goes_with(cls, value: object, info: ValidationInfo) -> object:
        """A key that has no effect is a mistake: it may be the one that was meant to protect something."""
        fits = _GOES_WITH[info.field_name or ""]
        if "auth" in info.data and info.data["auth"] not in fits:
            kinds = " or ".join(f'`auth = "{kind}"`' for kind in fits)
            raise ValueError(f"has no effect without {kinds}")
        return value

    @field_validator("scopes")
    @classmethod
    def _are_scopes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for scope in value:
            if not _SCOPE.fullmatch(scope):
                raise ValueError(f"`{ascii(scope)[1:-1]}` can't be a scope: no spaces, quotes or backslashes in it")
        return value

    @model_validator(mode="after")
    def _complete(self) -> "AuthWord":
        if self.auth is None:
            return self
        missing = [key for key in _NEEDS[self.auth] if getattr(self, key) is None]
        if missing:
            raise ValueError(f'`auth = "{self.auth}"` needs {" and ".join(f"`{key}`" for key in missing)}')
        if self.client_secret is not None and (self.issuer is None or self.client_id is None):
            raise ValueError("`client_secret` needs `client_id`, and `issuer`: the only one who is given the secret")
        if self.client_id is not None and self.client_metadata_url is not None:
            raise ValueError("`client_id` and `client_metadata_url` say the same thing twice: keep one")
        return self
