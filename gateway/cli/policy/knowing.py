"""What policies are held against: the servers' tools, live or as they were pinned; and who has ever been seen."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gateway.catalogue import Catalogue
    from gateway.config import Config
    from gateway.offer import Offer
    from gateway.policy import Policy
    from gateway.policy.lint.budgets import There
    from gateway.policy.lint.people import People

__all__ = ["Known", "connected", "people", "pinned", "say_what_is_missing", "there"]

_RUNS = 5000  # of the newest, that are looked at for who has been here


@dataclass(frozen=True, slots=True)
class Known:
    """`missing` says of each server that nothing is known of why. `from_pins` are those that were not asked: what is
    known of them is what toolgate.lock holds.
    """

    catalogue: "Catalogue"
    missing: Mapping[str, str] = field(default_factory=dict)
    from_pins: tuple[str, ...] = ()


def pinned(config: "Config", only: Collection[str] | None = None) -> Known:
    """Without connecting. Raises ConfigError for a `toolgate.lock` that can't be used."""
    from gateway.pins.files import PinFiles
    from gateway.pins.known import pinned_catalogue

    servers = {name: it for name, it in config.servers.items() if not it.disabled and (only is None or name in only)}
    pins = PinFiles.of(config.folders).read() or {}
    catalogue = pinned_catalogue(pins, {name: server.word.trusted for name, server in servers.items()})
    return Known(catalogue, dict(catalogue.missing), tuple(sorted(servers.keys() & pins.keys())))


async def connected(config: "Config", only: Collection[str] | None = None) -> Known:
    """From the servers; what can't be reached is known from its pins, if it has any. Raises ConfigError."""
    from gateway.catalogue import Catalogue
    from gateway.runtime import open_servers

    wanted = {name: it for name, it in config.servers.items() if only is None or name in only}
    async with open_servers(dataclasses.replace(config, servers=wanted)) as upstream:
        live = upstream.catalogue
    kept = pinned(config, live.missing.keys()) if live.missing else Known(Catalogue())
    missing = {name: why for name, why in live.missing.items() if name in kept.missing}
    if not kept.from_pins:
        return Known(live, missing)
    merged = Catalogue.of(
        [*live.tools.values(), *kept.catalogue.tools.values()],
        missing=missing,
        offers=[*_offers(live), *_offers(kept.catalogue)],
        about=live.about,
    )
    return Known(merged, missing, kept.from_pins)


def _offers(catalogue: "Catalogue") -> "Iterator[Offer]":
    yield from catalogue.prompts.values()
    yield from catalogue.resources.values()
    yield from (offer for _, offer in catalogue.templates)


def say_what_is_missing(known: Known, *, offline: bool) -> None:
    """On stderr: what nobody could be asked about, and what is known only as it was pinned."""
    from gateway.visible import visible

    for server, why in known.missing.items():
        click.echo(f"nothing is known of `{server}`: {visible(why)}", err=True)
    if known.from_pins and not offline:
        click.echo(f"known as pinned, for they can't be asked: {', '.join(known.from_pins)}", err=True)


async def people(config: "Config") -> "People":
    """Whoever has an API key, has a run in the record, has answered there, or stands in the configuration.

    A store that can't be read is said, and nobody is known from it.
    """
    from gateway.errors import StoreError
    from gateway.policy.lint.people import People
    from gateway.runtime import DEFAULT_AGENT
    from gateway.store.opening import is_made

    members = {config.identity.user, *(f"agent:{name}" for name in config.agents or (DEFAULT_AGENT,))}
    by_token = config.serve.oauth is not None
    configured = People(frozenset(members), frozenset({config.identity.tenant}), by_token=by_token)
    if not is_made(config):
        return configured
    try:
        found = await _recorded(config)
    except StoreError as error:
        click.echo(f"members and tenants were compared with the configuration alone: {error}", err=True)
        return configured
    closed = found.closed and not by_token
    return People(found.members | configured.members, found.tenants | configured.tenants, closed, by_token)


async def there(config: "Config", catalogue: "Catalogue | None", policy: "Policy | None") -> "There":
    """What the names in budgets.toml are compared with. `policy` says which roles there are."""
    from gateway.policy.lint.budgets import There

    models = {*config.models, *(name for agent in config.agents.values() for name in agent.model)}
    roles = None if policy is None else {grant.role for grant in policy.grants}
    return There(config.servers, models, catalogue, roles, await people(config))


async def _recorded(config: "Config") -> "People":
    from gateway.policy.lint.people import People
    from gateway.store.opening import open_store

    store = open_store(config, as_it_is=True)
    try:
        keys, runs = await store.keys(), await store.run_rows(_RUNS)
        approvals = await store.approvals(pending_only=False, limit=_RUNS)
    finally:
        store.close()
    members = {key.user for key in keys} | {run.user for run in runs} | {run.agent for run in runs if run.agent}
    members |= {approval.decided_by for approval in approvals if approval.decided_by}
    tenants = {key.tenant for key in keys} | {run.tenant for run in runs}
    return People(frozenset(members), frozenset(tenants), any(key.revoked is None for key in keys))
