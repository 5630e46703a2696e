"""How we get into servers: from the configuration to credentials, and the log-ins of users.

One for each process: the tokens in it are shared by all connections to a server.
"""

import os
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.call import Subject
from gateway.config import Config, ResolvedAuth, ResolvedHttp, ServerConfig, expand, resolve_auth
from gateway.errors import ConfigError
from gateway.identity import Identity
from gateway.keyring import KeyRing, load_keyring

if TYPE_CHECKING:  # the MCP SDK costs half a second to import
    from gateway.upstream.auth.authority import Authority, ClientKeys, Method
    from gateway.upstream.auth.credentials import Carrier, Credentials, Source
    from gateway.upstream.auth.grant import Grant
    from gateway.upstream.auth.subject_tokens import SubjectTokens
    from gateway.upstream.auth.vault import Binding, Kept, Vault

__all__ = ["Access"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Access:
    """`subject_tokens` is where tokens that clients bring are to be kept, once they are verified."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._made: dict[str, Credentials] = {}

    @property
    def owner(self) -> Subject:
        """Who is asking when nobody says who."""
        return Subject(self._config.identity.user, self._config.identity.tenant)

    @cached_property
    def keys(self) -> KeyRing:
        """Raises ConfigError for keys that can't be used."""
        return load_keyring(self._config.folders.state / "sealing-keys", os.environ)

    @cached_property
    def vault(self) -> "Vault":
        """Where log-ins are kept: with the user's state, so that all his projects share them."""
        from gateway.upstream.auth.vault import Vault

        return Vault(self._config.folders.state / "logins", self.keys)

    @cached_property
    def subject_tokens(self) -> "SubjectTokens":
        from gateway.upstream.auth.subject_tokens import SubjectTokens

        return SubjectTokens()

    @property
    def exchanges(self) -> bool:
        """Whether any server is entered with what clients bring: only then are their tokens kept."""
        kinds = (server.word.auth for server in self._config.servers.values())
        return any(kind in ("token_exchange", "id_jag") for kind in kinds)

    def verified(self, identity: Identity, token: str) -> None:
        """A token that a client brought, and that is good."""
        self.subject_tokens.keep(identity.subject, token, identity.expires)

    # ---- for connections

    def carrier(self, server: str, url: str) -> "Carrier | None":
        """What puts tokens on requests to this server; None for one without `auth`. Raises ConfigError."""
        from gateway.upstream.auth.credentials import Carrier, Credentials

        auth = resolve_auth(self._config, server, os.environ)
        if auth is None:
            return None
        if server not in self._made:
            self._made[server] = Credentials(self._source(auth, self._authority(server, url, auth)))
        return Carrier(self._made[server], self.owner)

    def secrets(self, server: str) -> Sequence[str]:
        """The secrets of its `auth`, which no text may show."""
        auth = resolve_auth(self._config, server, os.environ)
        found = (auth.client_secret, auth.subject_token, auth.idp_client_secret) if auth else ()
        return [secret for secret in found if secret]

    def _source(self, auth: ResolvedAuth, authority: "Authority") -> "Source":
        from gateway.upstream.auth.client_credentials import ClientCredentials
        from gateway.upstream.auth.user_tokens import UserTokens

        match auth.kind:
            case "oauth":
                return UserTokens(authority, self.vault)
            case "client_credentials":
                return ClientCredentials(authority, _keys(auth))
            case _:
                return self._on_behalf(auth, authority)

    def _on_behalf(self, auth: ResolvedAuth, authority: "Authority") -> "Source":
        from gateway.upstream.auth.authority import SUBJECT_TOKEN_TYPES, ClientKeys
        from gateway.upstream.auth.on_behalf import Assertion, OnBehalf, TokenExchange

        word = auth.word
        kind = SUBJECT_TOKEN_TYPES[word.subject_token_type]
        if auth.subject_token is not None:
            self.subject_tokens.keep(self.owner, auth.subject_token)
        if auth.kind == "token_exchange":
            trade = TokenExchange(authority, _keys(auth), kind, word.audience)
            return OnBehalf(authority, self.subject_tokens, trade)
        idp_keys = ClientKeys(word.idp_client_id or "", auth.idp_client_secret, _method(auth))
        asserted = Assertion(authority, _keys(auth), kind, word.idp_issuer or "", idp_keys)
        return OnBehalf(authority, self.subject_tokens, asserted)

    def _authority(self, server: str, url: str, auth: ResolvedAuth) -> "Authority":
        from gateway.reach import Reach
        from gateway.upstream.auth.authority import Authority

        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            place = self._config.places["servers", server, "auth"]
            message = f"the address of `{server}` is not https, and its tokens would be read on the way"
            raise ConfigError([place.problem(message, "use an https address")])
        word = auth.word
        configured = [place for place in (url, word.issuer, word.idp_issuer) if place]
        return Authority(
            server=server,
            url=url,
            reach=Reach.of(self._config.network.allow, configured),
            issuer=word.issuer,
            client=_keys(auth) if word.client_id else None,
            scopes=" ".join(word.scopes),
        )

    # ---- for people

    async def log_in(
        self, server: str, subject: Subject, show: Callable[[str], Awaitable[None]], scopes: Sequence[str] = ()
    ) -> "Grant":
        """Logs this subject in, in a browser that `show` sends to an address, and keeps what was granted. With
        `scopes`, these are asked for besides those that he has already.

        Raises ConfigError, UpstreamUnavailable, StoreError, TimeoutError.
        """
        from gateway.upstream.auth.login import LogIn
        from gateway.upstream.auth.scopes import united

        http, auth = self._oauth(server)
        word = auth.word
        authority = self._authority(server, http.url, auth)
        vault = self.vault  # keys that can't be used are found before a browser is opened
        binding = self.binding(server, subject)
        before = vault.read(binding) if scopes else None
        more = united(before.scope if before else "", *scopes)
        grant = await LogIn(authority, show, http.headers, word.client_metadata_url, word.redirect_port, more).run()
        vault.write(binding, grant)
        return grant

    def log_out(self, server: str, subject: Subject) -> bool:
        """Forgets this subject's log-in. Whether there was one."""
        return self.vault.remove(self.binding(server, subject))

    def kept(self) -> "Sequence[Kept]":
        """Every log-in that is kept, by server and user."""
        return sorted(self.vault.all(), key=lambda kept: (kept.binding.server, kept.binding.tenant, kept.binding.user))

    def binding(self, server: str, subject: Subject) -> "Binding":
        """What this subject's log-in to this server is bound to. Raises ConfigError for a server without log-ins."""
        from gateway.upstream.auth.authority import resource_of
        from gateway.upstream.auth.vault import Binding

        return Binding.of(subject, server, resource_of(self._oauth(server)[0].url))

    def _oauth(self, name: str) -> tuple[ResolvedHttp, ResolvedAuth]:
        server = self._known(name)
        auth = resolve_auth(self._config, name, os.environ)
        resolved = expand(server, os.environ)
        if auth is None or auth.kind != "oauth" or not isinstance(resolved, ResolvedHttp):
            hint = f'write `auth = "oauth"` into `[servers.{name}]` of toolgate.toml'
            raise ConfigError.at("toolgate.toml", f"the server `{name}` has no log-ins", hint=hint)
        return resolved, auth

    def _known(self, name: str) -> ServerConfig:
        if name not in self._config.servers:
            known = ", ".join(f"`{server}`" for server in self._config.servers) or "none"
            raise ConfigError.at(".mcp.json", f"there is no server `{name}`", hint=f"configured: {known}")
        return self._config.servers[name]


def _method(auth: ResolvedAuth) -> "Method":
    return "client_secret_post" if auth.word.client_auth == "post" else "client_secret_basic"


def _keys(auth: ResolvedAuth) -> "ClientKeys":
    from gateway.upstream.auth.authority import ClientKeys

    return ClientKeys(auth.word.client_id or "", auth.client_secret, _method(auth))
