"""What `toolgate doctor` says about each server: whether it answers, and whether it leads back to this gateway."""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.cli.finding import Finding, wrong
from gateway.cli.listing import no_servers_hint
from gateway.config import Config, ResolvedHttp, ServerConfig, expand
from gateway.errors import ConfigError, StoreError
from gateway.offer import is_of
from gateway.serve.origins import is_loopback
from gateway.store.lease import process_of
from gateway.store.opening import is_made, open_store

if TYPE_CHECKING:  # the MCP SDK costs half a second to import
    from gateway.upstream import ServerStatus

__all__ = ["running", "servers"]


def running(config: Config) -> Sequence[str]:
    """The processes that serve this configuration now, or did a moment ago."""
    if not is_made(config):
        return []
    try:
        opened = open_store(config, as_it_is=True)
    except (StoreError, ConfigError):  # told elsewhere
        return []
    try:
        book = opened.policies(config.policy.files, config.policy.kept_versions)
        return [process_of(replica.id) for replica in book.replicas() if not replica.silent(book.now())]
    except StoreError:
        return []
    finally:
        opened.close()


def servers(config: Config, statuses: "Sequence[ServerStatus]", running: Sequence[str] = ()) -> Iterator[Finding]:
    """Each server: whether it answers, what it offers, how long that took. `running` are the processes of our gateways,
    behind none of which it may be.
    """
    for status in statuses:
        server = config.servers.get(status.name)
        yield from _back(server, status, running) or _here(config, server, status) or _answering(server, status)
    for status in statuses:
        if status.rejected:
            detail = f"{status.rejected} of its tools are left out"
            yield Finding("warn", f"server {status.name}", detail, "`toolgate tools` says which, and why")
    yield from (
        Finding("ok", f"server {name}", "is switched off") for name, it in config.servers.items() if it.disabled
    )
    if not config.servers:
        yield Finding("warn", "servers", "none is configured", no_servers_hint(config.folders.workspace))


def _back(server: ServerConfig | None, status: "ServerStatus", running: Sequence[str]) -> Sequence[Finding]:
    """It is there, and a gateway of ours is it, or is behind it: that one leaves it out."""
    first, *behind = status.gateways or ("",)
    if any(is_of(first, process) for process in running):
        detail = "it is this gateway itself: what is listed here would be listed again, and so it is left out"
        return [Finding("fail", f"server {status.name}", detail, f"take it out of {_place(server)}")]
    if any(is_of(gateway, process) for gateway in behind for process in running):
        detail = "it has this gateway among its servers, or behind one of them, and so it is left out here"
        mend = f"take it out of {_place(server)}, or this gateway out of the servers there"
        return [Finding("fail", f"server {status.name}", detail, mend)]
    return []


def _here(config: Config, server: ServerConfig | None, status: "ServerStatus") -> Sequence[Finding]:
    """Nobody answers at its address, and it is the one at which we would serve."""
    if server is None or status.state == "ready":
        return []
    try:
        found = expand(server, os.environ)
    except ConfigError:
        return []
    if not isinstance(found, ResolvedHttp) or not _is_ours(config, found.url):
        return []
    detail = "it is not there, and its address is that of `toolgate serve` here: this gateway itself"
    return [Finding("fail", f"server {status.name}", detail, f"take it out of {_place(server)}")]


def _is_ours(config: Config, url: str) -> bool:
    parts, serve = urlsplit(url), config.serve
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    here = host == serve.host or (is_loopback(host) and is_loopback(serve.host))
    return here and port == serve.port and f"{parts.path}/".startswith("/mcp/")


def _answering(server: ServerConfig | None, status: "ServerStatus") -> Iterator[Finding]:
    if status.state != "ready":
        yield from _down(server, status)
        return
    era, tools = f"{status.era} era, {status.protocol_version}", "tool" if status.tools == 1 else "tools"
    detail = f"{status.tools} {tools}, {era}, {status.connect_seconds or 0:.2f} s"
    yield Finding("ok", f"server {status.name}", detail)


def _down(server: ServerConfig | None, status: "ServerStatus") -> Iterator[Finding]:
    """Why it is not there; one line for each variable that is not set, if that is why."""
    what, tried = f"server {status.name}", "start by hand what stands there"
    try:
        if server and isinstance(expand(server, os.environ), ResolvedHttp):
            tried = "try by hand the `url` that stands there"
    except ConfigError as error:
        yield from (wrong(what, problem) for problem in error.problems)
        return
    why = status.error or "does not answer"
    known = " is not set" in why or "log in with `" in why  # it says itself what to do
    yield Finding("fail", what, why, "" if known else f"look at {_place(server)}, and {tried}")


def _place(server: ServerConfig | None) -> str:
    return str(server.entry.place) if server else ".mcp.json"
