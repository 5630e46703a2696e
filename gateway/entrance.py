"""Who may come in over HTTP, and to which parts, as the configuration says it. Part of the root, beside `runtime`."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gateway.auth.challenge import APPROVALS, Challenges, Resource
from gateway.auth.keys import Keys
from gateway.auth.login import Login, Who, nobody
from gateway.claims import ClaimRules, Template
from gateway.config import Config
from gateway.config.serving import OAuthConfig
from gateway.errors import ConfigError
from gateway.profile import WHOLE, Profile
from gateway.reach import Reach
from gateway.store.database import DatabaseStore
from gateway.webhook import Hook, key_of
from gateway.wording import did_you_mean

if TYPE_CHECKING:  # PyJWT is for those who take tokens
    from gateway.auth.jwks import KeySet
    from gateway.auth.tokens import Verified

__all__ = ["answers_over_http", "challenges", "hook", "issuer_keys", "login", "profile", "profiles", "tokens"]


def login(config: Config, store: DatabaseStore, verified: "Verified | None" = None) -> Login | None:
    """What is asked of each request; None where nobody need log in. `verified` is told of each good token."""
    serve = config.serve
    if not serve.asks_who:
        return None
    keys = Keys(store.key, now=lambda: store.now() / 1000).who if serve.api_keys else nobody
    return Login(challenges(config), keys=keys, tokens=tokens(config, serve.oauth, verified) if serve.oauth else nobody)


def challenges(config: Config) -> Challenges:
    """What a key or a token must have, and what clients are told about it."""
    serve = config.serve
    by_path = {
        f"/mcp/{name}": frozenset(given.scopes) for name, given in config.profiles.items() if given.scopes is not None
    }
    if answers_over_http(config):
        by_path[APPROVALS] = frozenset(config.approvals.scopes)
    resource = Resource(serve.oauth.resource, serve.oauth.issuer) if serve.oauth else None
    return Challenges(frozenset(serve.scopes), by_path, resource)


def answers_over_http(config: Config) -> bool:
    """Whether people answer at `/approvals`. Where nobody logs in, only if the admin says so: an agent that runs here,
    too, could answer in their place.
    """
    http = config.approvals.http
    return config.serve.asks_who if http is None else http


def hook(config: Config) -> Hook | None:
    """The chat tool that is told of what waits. Raises ConfigError for a secret that is none."""
    given = config.approvals.webhook
    if given is None:
        return None
    pages = config.approvals.url if answers_over_http(config) else None
    try:
        return Hook(given.url, key_of(config.webhook_secret(os.environ)), pages)
    except ValueError as error:
        hint = "make one with `echo whsec_$(openssl rand -base64 32)`"
        raise ConfigError.at("approvals.webhook.secret", str(error), hint=hint) from None


def tokens(config: Config, oauth: OAuthConfig, verified: "Verified | None" = None) -> Who:
    """Access tokens. Nothing is fetched before the first one comes."""
    from gateway.auth.tokens import TokenRules, Tokens

    claims = ClaimRules(Template.of(oauth.user), Template.of(oauth.tenant or config.identity.tenant))
    audiences = (oauth.resource, *oauth.audience)
    rules = TokenRules(oauth.issuer, audiences, oauth.algorithms, claims, oauth.leeway)
    keys = issuer_keys(config, oauth)
    return (Tokens(rules, keys, verified=verified) if verified else Tokens(rules, keys)).who


def issuer_keys(config: Config, oauth: OAuthConfig) -> "KeySet":
    """The keys that the issuer signs with. That it is named here lists no private address: `[network] allow` does."""
    from gateway.auth.jwks import KeySet

    return KeySet(oauth.issuer, oauth.jwks_url, reach=Reach.of(config.network.allow))


def profiles(config: Config) -> Mapping[str, Profile]:
    """Every `[profiles.NAME]`, by name."""
    return {name: Profile(name, given.servers, given.tools) for name, given in config.profiles.items()}


def profile(config: Config, name: str | None) -> Profile:
    """The one with this name; everything, if none is named. Raises ConfigError."""
    if name is None:
        return WHOLE
    found = profiles(config)
    if name not in found:
        hint = did_you_mean(name, found) if found else "add `[profiles.NAME]` to toolgate.toml"
        raise ConfigError.at("--profile", f"there is no profile `{name}`", hint=hint)
    return found[name]
