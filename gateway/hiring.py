"""A worker of this configuration, the engine that brings it its runs, and the schedules that it sees to."""

import asyncio
import contextlib
import logging
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

log = logging.getLogger("toolgate.worker")


def terms_of(config: Config) -> Terms:
    """As `[queue]` says; only runs of agents that are configured here are taken up."""
    queue, agents = config.queue, frozenset(config.agents or (DEFAULT_AGENT,))
    slots = Slots(queue.tenant, queue.agent, queue.model, queue.tenants, queue.agents, queue.models)
    return Terms(queue.concurrency, slots, agents, queue.grace)


def hired(runtime: Runtime, told: Callable[[Outcome], None] | None = None, terms: Terms | None = None) -> Worker:
    return Worker(runtime.offline.store, runtime.loop, terms or terms_of(runtime.config), told)


def engine_of(config: Config, concurrency: int | None = None, environ: Mapping[str, str] = os.environ) -> Engine:
    """For a worker that drives so many runs at once; None: as many as `[queue]` says.

    Raises ConfigError for DBOS without its package, or without a store in PostgreSQL."""
    if config.queue.engine == "embedded":
        return Embedded()
    place, url = config.places["queue", "engine"], config.store_url(environ)
    if url is None:
        raise ConfigError([place.problem("DBOS needs a store in PostgreSQL", 'say `store = "postgresql://..."`')])
    if find_spec("dbos") is None:
        raise ConfigError([place.problem("the engine DBOS needs its package", "pip install 'toolgate[dbos]'")])
    from gateway.engine.dispatched import Dispatched

    return Dispatched(url, concurrency or config.queue.concurrency)


async def work(runtime: Runtime, worker: Worker, engine: Engine | None = None) -> None:
    """Until it is told to stop, and has let go of everything. Raises ConfigError for an engine that can't be had."""
    engine = engine or engine_of(runtime.config, worker.concurrency)
    firing = asyncio.create_task(Firing(runtime.offline).run(), name="toolgate.schedules")
    try:
        await worker.run(engine)
    finally:
        firing.cancel()
        await asyncio.gather(firing, return_exceptions=True)


@contextlib.asynccontextmanager
async def at_work(runtime: Runtime, concurrency: int | None) -> AsyncIterator[None]:
    """A worker for so many runs at once beside the block, which lets go of them at its end; None: no worker.

    Raises ConfigError before the block for an engine that can't be had. A worker that breaks ends the block, too:
    nobody is to think that runs are driven here. Then what broke is raised.
    """
    if not concurrency:
        yield
        return
    worker = hired(runtime, terms=within(terms_of(runtime.config), concurrency, None, until_idle=False))
    engine = engine_of(runtime.config, worker.concurrency)
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_to_its_end(runtime, worker, engine), name="toolgate.worker")
            try:
                yield
            finally:
                worker.stop()
                await asyncio.wait({task})  # however the block ends, its runs come to their safe points
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _to_its_end(runtime: Runtime, worker: Worker, engine: Engine) -> None:
    try:
        await work(runtime, worker, engine)
    except Exception:
        log.exception("the worker broke; no more runs are driven here")
        raise


def within(terms: Terms, concurrency: int | None, most: int | None, *, until_idle: bool) -> Terms:
    """With what a command says on top."""
    return replace(terms, concurrency=concurrency or terms.concurrency, most=most, until_idle=until_idle)
