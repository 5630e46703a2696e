"""A worker of this configuration, the engine that brings it its runs, and the schedules that it sees to."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec

from gateway.config import Config
from gateway.engine import Engine
from gateway.engine.embedded import Embedded
from gateway.errors import ConfigError
from gateway.firing import Firing
from gateway.job import Slots
from gateway.runtime import Runtime
from gateway.submitting import DEFAULT_AGENT
from gateway.worker import Outcome, Terms, Worker

__all__ = ["at_work", "engine_of", "hired", "terms_of", "within", "work"]


def terms_of(config: Config) -> Terms:
    """As `[queue]` says; only runs of agents that are configured here are taken up."""
    queue, agents = config.queue, frozenset(config.agents or (DEFAULT_AGENT,))
    slots = Slots(queue.tenant, queue.agent, queue.model, queue.tenants, queue.agents, queue.models)
    return Terms(queue.concurrency, slots, agents, queue.grace)


def hired(runtime: Runtime, told: Callable[[Outcome], None] | None = None, terms: Terms | None = None) -> Worker:
    return Worker(runtime.offline.store, runtime.loop, terms or terms_of(runtime.config), told)


def engine_of(config: Config, environ: Mapping[str, str] = os.environ) -> Engine:
    """Raises ConfigError for DBOS without its package, or without a store in PostgreSQL."""
    if config.queue.engine == "embedded":
        return Embedded()
    place, url = config.places["queue", "engine"], config.store_url(environ)
    if url is None:
        raise ConfigError([place.problem("DBOS needs a store in PostgreSQL", 'say `store = "postgresql://..."`')])
    if find_spec("dbos") is None:
        raise ConfigError([place.problem("the engine DBOS needs its package", "pip install 'toolgate[dbos]'")])
    from gateway.engine.dispatched import Dispatched

    return Dispatched(url, config.queue.concurrency)


async def work(runtime: Runtime, worker: Worker) -> None:
    """Until it is told to stop, and has let go of everything."""
    firing = asyncio.create_task(Firing(runtime.offline).run(), name="toolgate.schedules")
    try:
        await worker.run(engine_of(runtime.config))
    finally:
        firing.cancel()
        await asyncio.gather(firing, return_exceptions=True)


@contextlib.asynccontextmanager
async def at_work(runtime: Runtime, concurrency: int | None) -> AsyncIterator[None]:
    """A worker for so many runs at once beside the block, which lets go of them at its end; None: no worker."""
    if not concurrency:
        yield
        return
    worker = hired(runtime, terms=within(terms_of(runtime.config), concurrency, None, until_idle=False))
    task = asyncio.create_task(work(runtime, worker), name="toolgate.worker")
    try:
        yield
    finally:
        worker.stop()
        await task


def within(terms: Terms, concurrency: int | None, most: int | None, *, until_idle: bool) -> Terms:
    """With what a command says on top."""
    return replace(terms, concurrency=concurrency or terms.concurrency, most=most, until_idle=until_idle)
