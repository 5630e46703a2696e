"""What `toolgate.toml` may say about serving: `[serve]`, `[serve.oauth]`, `[profiles.NAME]`. Pure."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from gateway.claims import Template as ClaimTemplate
from gateway.config.table import Seconds, Size, Strings, Table, ToolGlobs, is_web_address, items
from gateway.errors import ConfigError
from gateway.identity import SCOPE, TENANT, user_subject
from gateway.wording import did_you_mean

__all__ = ["OAuthConfig", "ProfileConfig", "ServeConfig"]

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


def _https(value: object) -> object:
    """Who can listen in, or answer in its place, could let anybody in: plain http is for loopback."""
    if not isinstance(value, str):
        return value
    if not is_web_address(value):  # not shown: it may hold a password
        raise ValueError("must be an https address, such as `https://login.example`")
    parts = urlsplit(value)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError("must be an https address; http only on loopback")
    if parts.query or parts.fragment or "@" in parts.netloc or not re.fullmatch(r"[!-~]+", value) or '"' in value:
        raise ValueError("must be an address without user, query and fragment")
    return value


def _scopes(value: object) -> object:
    scopes = items(value)
    for scope in scopes if isinstance(scopes, tuple) else ():
        if isinstance(scope, str) and not SCOPE.fullmatch(scope):
            raise ValueError("a scope has neither spaces nor quotes (RFC 6749)")
    return scopes


def _algorithms(value: object) -> object:
    algorithms = items(value)
    for algorithm in algorithms if isinstance(algorithms, tuple) else ():
        if isinstance(algorithm, str) and algorithm not in ALGORITHMS:
            raise ValueError(f"`{algorithm}` is not taken; {did_you_mean(algorithm, ALGORITHMS)}")
    if algorithms == ():
        raise ValueError("it is empty: no token could be checked")
    return algorithms


def _user_template(value: object) -> object:
    if isinstance(value, str) and (not value.startswith("user:") or ClaimTemplate.of(value).claim is None):
        raise ValueError('must be `user:` and a claim, such as `"user:{email}"`')
    return value


def _tenant_template(value: object) -> object:
    if isinstance(value, str) and ClaimTemplate.of(value).claim is None and not TENANT.fullmatch(value):
        raise ValueError('must be a tenant, or a claim, such as `"{org}"`')
    return value


def _user(value: object) -> object:
    try:
        return user_subject(value) if isinstance(value, str) else value
    except ConfigError as error:
        problem = error.problems[0]
        raise ValueError(f"{problem.message}; {problem.hint}") from None


SafeAddress = Annotated[str, BeforeValidator(_https)]
Scopes = Annotated[tuple[str, ...], BeforeValidator(_scopes)]
User = Annotated[str, BeforeValidator(_user)]


class OAuthConfig(Table):
    """`[serve.oauth]`: whose access tokens let clients in, and whom they name.

    `resource` is our URL as clients reach it. `user` and `tenant` hold one claim of the token in braces.
    """

    issuer: SafeAddress
    resource: SafeAddress
    audience: Strings = ()  # beside `resource`
    jwks_url: SafeAddress | None = None
    algorithms: Annotated[
        tuple[Annotated[str, WithJsonSchema({"enum": [*ALGORITHMS]})], ...], BeforeValidator(_algorithms)
    ] = ALGORITHMS
    user: Annotated[str, BeforeValidator(_user_template)] = "user:{sub}"
    tenant: Annotated[str, BeforeValidator(_tenant_template)] | None = None
    leeway: Seconds = 30.0


class ServeConfig(Table):
    """`[serve]`. Port 0 takes a free one. `scopes` is what a key or a token must have.

    `grace` is how long calls in flight have when we are told to end. `max_body` is the most bytes of a request.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8765
    allowed_hosts: Strings = ()
    allowed_origins: Strings = ()
    grace: Seconds = 5.0
    max_body: Size = 4 * 1024 * 1024
    api_keys: bool = False
    scopes: Scopes = ()
    oauth: OAuthConfig | None = None

    @property
    def asks_who(self) -> bool:
        """Whether clients must log in."""
        return self.api_keys or self.oauth is not None


class ProfileConfig(Table):
    """`[profiles.NAME]`: a part of the gateway, at `/mcp/NAME`. `scopes` None: those of `[serve]`."""

    servers: Strings = ()
    tools: ToolGlobs = ()
    scopes: Scopes | None = None

    @model_validator(mode="after")
    def _limited(self) -> "ProfileConfig":
        if not self.servers and not self.tools:
            raise ValueError("it needs `servers` or `tools`: without both it would be everything")
        if any(glob.startswith("/") or glob.endswith("/") for glob in self.tools):
            raise ValueError("`tools` holds globs of `server/tool`, such as `git/*`")
        return self
