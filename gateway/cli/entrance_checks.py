"""What `toolgate doctor` says about who may come in over HTTP: keys, access tokens, profiles. No secret is shown."""

import time
from collections.abc import Iterator, Sequence

from gateway.auth import Unavailable
from gateway.catalogue import Catalogue
from gateway.cli.finding import Finding
from gateway.config import Config
from gateway.errors import StoreError
from gateway.keys import ApiKey
from gateway.serve.origins import is_loopback
from gateway.store.opening import is_made, open_store

__all__ = ["clients", "profiles"]

SOON = 7 * 24 * 3_600_000  # milliseconds before the end of a key in which it is worth a word


async def clients(config: Config) -> list[Finding]:
    """Whether clients log in, and whether they can."""
    serve = config.serve
    if not serve.asks_who:
        who = config.identity.user
        open_to = _open(serve.host) or Finding("ok", "clients", f"no log-in: whoever reaches {serve.host} is {who}")
        return [open_to, *_answering(config)]
    found = [Finding("ok", "clients", _ways(config))] if is_loopback(serve.host) else [_in_the_clear(serve.host)]
    known = await _keys(config) if serve.api_keys else None
    found += keys(known, _now()) if known is not None else []
    return found + (await _issuer(config) if serve.oauth else [])


def _ways(config: Config) -> str:
    ways = ["API keys"] if config.serve.api_keys else []
    return "they log in with " + " or ".join([*ways, "access tokens"] if config.serve.oauth else ways)


def _answering(config: Config) -> Iterator[Finding]:
    """Where nobody logs in."""
    if config.approvals.http:
        detail = "whatever runs on this machine may approve what it asked for: `/approvals` is open, and nobody logs in"
        yield Finding("warn", "approvals", detail, "set `api_keys = true` under [serve], or leave `http` out")


def _open(host: str) -> Finding | None:
    if is_loopback(host):
        return None
    mend = "set `api_keys = true` under [serve], or describe [serve.oauth]"
    return Finding(
        "fail", "clients", f"`{host}` is not loopback, and clients do not log in: it will not be served", mend
    )


def _in_the_clear(host: str) -> Finding:
    mend = "put a proxy with TLS in front of it, and let nothing else reach it"
    return Finding("warn", "clients", f"keys and tokens reach `{host}` unencrypted", mend)


def keys(found: Sequence[ApiKey], now: int) -> Iterator[Finding]:
    """The API keys. `now` in milliseconds."""
    good = [key for key in found if key.good(now)]
    if not good:
        yield Finding("warn", "keys", "no key lets anybody in", "toolgate keys create --user user:ann")
        return
    yield Finding("ok", "keys", f"{len(good)} of {len(found)} are good")
    for key in good:
        if key.expires is not None and key.expires - now < SOON:
            detail = f"{key.id}, for {key.user}, ends within a week"
            yield Finding("warn", "keys", detail, f"toolgate keys create --user {key.user} --tenant {key.tenant}")


async def _keys(config: Config) -> Sequence[ApiKey] | None:
    """None where the store can't be read: that is another finding."""
    if not is_made(config):
        return ()
    try:
        store = open_store(config, as_it_is=True)
    except StoreError:
        return None
    try:
        return await store.keys()
    except StoreError:
        return None
    finally:
        store.close()


async def _issuer(config: Config) -> list[Finding]:
    """Whether the issuer's keys can be had now."""
    from gateway.entrance import issuer_keys

    oauth = config.serve.oauth
    if oauth is None:
        return []
    try:
        found = await issuer_keys(config, oauth).fetch()
    except Unavailable as error:
        return [Finding("fail", "oauth", str(error), "see `issuer` and `jwks_url` under [serve.oauth]")]
    usable = [key for key in found if any(key.serves(algorithm) for algorithm in oauth.algorithms)]
    if not usable:
        detail = f"{oauth.issuer} has no key for the algorithms that are taken"
        return [Finding("fail", "oauth", detail, "see `algorithms` under [serve.oauth]")]
    return [Finding("ok", "oauth", f"{oauth.issuer}: {len(usable)} keys; tokens for {oauth.resource}")]


def profiles(config: Config, catalogue: Catalogue) -> Iterator[Finding]:
    """What each profile holds."""
    from gateway.entrance import profiles as configured

    for name, part in configured(config).items():
        tools = len(part.of(catalogue).tools)
        if tools:
            yield Finding("ok", f"profile {name}", f"{tools} tools at /mcp/{name}")
        else:
            mend = f"see [profiles.{name}]; `toolgate tools` lists what there is"
            yield Finding("warn", f"profile {name}", "it holds no tool that is there", mend)


def _now() -> int:
    return time.time_ns() // 1_000_000
