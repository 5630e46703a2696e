"""`toolgate serve`: be an MCP server for editors and agents."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller, emit, through

if TYPE_CHECKING:
    from gateway.auth import Authenticator
    from gateway.call import Subject
    from gateway.cli.leaving import Leaving
    from gateway.clients import Clients
    from gateway.config import Config
    from gateway.keyring import KeyRing
    from gateway.runtime import Runtime
    from gateway.serve.asgi import App
    from gateway.serve.door import Counter, Entry
    from gateway.serve.front import Front
    from gateway.serve.watching import Watching

__all__ = ["serve_command"]

YOUNG = 10_000  # objects made until young ones are looked through: a call makes hundreds, and they go by themselves


@click.command("serve", epilog=ends())
@click.option("--stdio", is_flag=True, help="Over stdin and stdout, for a client that starts this program.")
@click.option("--host", metavar="ADDRESS", help="Where to listen; beyond loopback only if clients log in.")
@click.option("--port", metavar="NUMBER", help="0 takes a free one.")
@click.option("--agent", metavar="NAME", help="The clients are this agent of the policy's, for whoever asks.")
@click.option("--workers", type=click.IntRange(0, 1000), metavar="N", help="Also drive N submitted runs at once.")
@click.option("--profile", metavar="NAME", help="Over stdio: this part of the gateway. Over HTTP it is /mcp/NAME.")
@as_json
@caller
def serve_command(
    stdio: bool,
    host: str | None,
    port: str | None,
    agent: str | None,
    profile: str | None,
    workers: int | None,
    as_json: bool,
    caller: Caller,
) -> int:
    """Serve the gateway as an MCP server: Streamable HTTP at /mcp and /mcp/PROFILE, or stdio.

    With --json, one line on stdout says when it listens, and where.
    """
    if stdio and as_json:
        raise click.UsageError("with --stdio, stdout belongs to the protocol: leave --json out")
    if profile is not None and not stdio:
        raise click.UsageError(
            "--profile goes with --stdio: over HTTP, clients choose a profile by its path, /mcp/NAME"
        )
    from gateway.cli.leaving import Leaving
    from gateway.lingering import loop

    agent = through(agent)
    gc.disable()  # what a start makes stays: nothing of it is garbage until `_settled`
    try:
        config = caller.config(("--host", "serve.host", host), ("--port", "serve.port", port))
        with Leaving() as leaving, asyncio.Runner(loop_factory=loop) as runner:
            if stdio:
                runner.run(_over_stdio(config, agent, profile, workers, leaving))
            else:
                runner.run(_over_http(config, agent, workers, leaving, as_json=as_json))
    finally:
        gc.enable()
    return Exit.OK


async def _over_stdio(
    config: "Config", agent: str | None, name: str | None, workers: int | None, leaving: "Leaving"
) -> None:
    from importlib.metadata import version

    from gateway.entrance import profile
    from gateway.runtime import open_runtime
    from gateway.serve.asking import Asker
    from gateway.serve.server import build_server
    from gateway.serve.stdio import GRACE_SECONDS, serve_stdio

    part = profile(config, name)
    async with open_runtime(config, "serve") as runtime:
        local = Asker(runtime.offline.subject(agent=agent), part, local=True)
        async with _working(runtime, workers), _telling(runtime), _front(runtime, _keys(config)) as front:
            _settled()
            then, server = _of_workers(config, workers), build_server(front, version("toolgate"), local)
            bounded = partial(leaving.by, grace=GRACE_SECONDS + then)
            with leaving.after(then):
                await serve_stdio(server, ending=front.changes.close, bounded=bounded)


def _of_workers(config: "Config", workers: int | None) -> float:
    """Seconds that runs have which are driven here, when they are to come to a safe point."""
    return config.queue.grace if workers else 0.0


def _settled() -> None:
    """What is there by now stays: looking through it for garbage took a tenth of the time under load. What the start
    has used beside it goes back.
    """
    from gateway.memory import give_back, keep_some

    give_back()
    keep_some()
    gc.freeze()
    gc.set_threshold(YOUNG)
    gc.enable()


async def _over_http(
    config: "Config", agent: str | None, workers: int | None, leaving: "Leaving", *, as_json: bool
) -> None:
    from importlib.metadata import version

    from gateway.runtime import open_runtime
    from gateway.serve.http import Address, Served, check_host, serve_http

    given = config.serve
    check_host(given.host, logged_in=given.asks_who)  # before any server is started
    keys = _keys(config)
    async with (
        open_runtime(config, "serve") as runtime,
        _working(runtime, workers),
        _telling(runtime),
        _front(runtime, keys) as front,
    ):
        entry = _entry(runtime, runtime.offline.subject(agent=agent), keys)
        _settled()
        address = Address(given.host, given.port, given.grace)
        stamp = {"name": "toolgate", "version": version("toolgate")}
        served = Served(front, entry, stamp, lambda: _application(front, entry, stamp["version"]))
        then, ready = _of_workers(config, workers), _announced(runtime, as_json=as_json)
        with leaving.after(then):
            await serve_http(served, address, ready, partial(leaving.by, grace=given.grace + then))


def _application(front: "Front", entry: "Entry", version: str) -> "Callable[[], App]":
    """Imports the SDK's server, which the first call does without."""
    from gateway.serve.application import application
    from gateway.serve.server import build_server

    return lambda: application(build_server(front, version, None), entry.max_body)


@contextlib.asynccontextmanager
async def _front(runtime: "Runtime", keys: "KeyRing") -> "AsyncIterator[Front]":
    """What clients ask. At the end, every client's run is closed."""
    from dataclasses import replace

    from gateway.entrance import answers_over_http
    from gateway.memory import giving_back
    from gateway.orphans import LEASE, kept
    from gateway.serve.consent import Consent
    from gateway.serve.front import Front
    from gateway.serve.sessions import Sessions

    clients = replace(runtime.clients, lease_seconds=LEASE)
    await _sweep(clients)
    sessions = Sessions(clients)
    forms, url = runtime.config.approvals.ask_clients, runtime.config.approvals.url
    url = url if answers_over_http(runtime.config) else None
    consent = Consent(runtime.approving, forms=forms, url=url) if forms or url else None
    front = Front(sessions, runtime.upstream, keys, consent=consent)
    async with kept(clients), giving_back():
        try:
            yield front
        finally:
            await front.close()
            await sessions.close()


def _keys(config: "Config") -> "KeyRing":
    """What seals the states that clients carry: the same keys that seal users' log-ins."""
    import os

    from gateway.keyring import load_keyring

    return load_keyring(config.folders.state / "sealing-keys", os.environ)


def _entry(runtime: "Runtime", local: "Subject", keys: "KeyRing") -> "Entry":
    from datetime import UTC, datetime
    from urllib.parse import urlsplit

    from gateway.entrance import challenges, login, profiles
    from gateway.serve.door import Entry
    from gateway.serve.origins import Origins
    from gateway.serve.pages import Parts, Readiness, pages

    config, offline = runtime.config, runtime.offline
    parts = Parts(
        write=offline.store.check,
        problem=lambda: offline.policy.problem,
        servers=lambda: {status.name: status.state == "ready" for status in runtime.upstream.status()},
        may_use=lambda subject, name: offline.policy.glance.may_use(subject, name, datetime.now(UTC)),
        digest=lambda: offline.policy.glance.digest,
    )
    authenticator = login(config, offline.store, runtime.access.verified if runtime.access.exchanges else None)
    url = config.approvals.url
    own = (url, urlsplit(url).netloc) if url else None
    return Entry(
        local=local,
        authenticator=authenticator,
        counter=_counter(runtime, authenticator, keys),
        watching=_watching(runtime),
        profiles=profiles(config),
        max_body=config.serve.max_body,
        pages=pages(challenges(config), Readiness(parts), config.profiles),
        origins=Origins(
            (*config.serve.allowed_hosts, *([own[1]] if own else [])),
            (*config.serve.allowed_origins, *([own[0]] if own else [])),
        ),
    )


def _counter(runtime: "Runtime", authenticator: "Authenticator | None", keys: "KeyRing") -> "Counter | None":
    """Where people answer, if they do over HTTP."""
    from gateway.entrance import answers_over_http, hook
    from gateway.serve.people.badge import Badges
    from gateway.serve.people.counter import Counter
    from gateway.serve.people.docket import Docket
    from gateway.serve.people.signed import Signed

    config, docket, chat = runtime.config, Docket(runtime.approving), hook(runtime.config)
    is_open, webhook = answers_over_http(config), config.approvals.webhook
    if not is_open and chat is None:
        return None
    tenant = (webhook.tenant if webhook else None) or config.identity.tenant
    signed = Signed(docket, chat.key, webhook.users, tenant) if chat and webhook else None
    return Counter(docket, Badges(keys), authenticator, config.approvals.url, signed, is_open).answer


def _watching(runtime: "Runtime") -> "Watching | None":
    """Where people watch their runs: where they may answer."""
    from gateway.cli.discretion import blotted
    from gateway.entrance import answers_over_http
    from gateway.serve.watching import Watching

    return Watching(runtime.offline.store, blotted) if answers_over_http(runtime.config) else None


def _working(runtime: "Runtime", workers: int | None) -> "contextlib.AbstractAsyncContextManager[None]":
    """So many submitted runs at once are driven here, too."""
    if not workers:
        return contextlib.nullcontext()
    from gateway.hiring import at_work

    return at_work(runtime, workers)


def _telling(runtime: "Runtime") -> "contextlib.AbstractAsyncContextManager[None]":
    """The webhook is told for as long as we serve, if there is one."""
    from gateway.entrance import hook

    config, chat = runtime.config, hook(runtime.config)
    if chat is None or config.approvals.webhook is None:
        return contextlib.nullcontext()
    from gateway.reach import Reach
    from gateway.telling import telling

    outbox = runtime.offline.store.outbox(config.approvals.webhook.tenant or config.identity.tenant)
    return telling(runtime.approving, outbox, chat, Reach.of(config.network.allow))


async def _sweep(clients: "Clients") -> None:
    from gateway.orphans import sweep

    lost = await sweep(clients)
    if lost:
        click.echo(f"{lost} sessions of a gateway that was killed are closed; see `toolgate runs`", err=True)


def _announced(runtime: "Runtime", *, as_json: bool) -> Callable[[str], Awaitable[None]]:
    from gateway.visible import visible

    async def announce(url: str) -> None:
        catalogue = runtime.upstream.catalogue
        if as_json:
            emit({"url": url, "tools": len(catalogue.tools), "missing": dict(catalogue.missing)})
            return
        click.echo(f"{url}  {len(catalogue.tools)} tools", err=True)
        for server, why in catalogue.missing.items():
            click.echo(f"missing {server}: {visible(why)}", err=True)

    return announce
