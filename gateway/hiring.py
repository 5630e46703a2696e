"""A worker of this configuration, and the engine that brings it its runs."""

from collections.abc import Callable
from dataclasses import replace

from gateway.config import Config
from gateway.engine import Engine
from gateway.engine.embedded import Embedded
from gateway.job import Slots
from gateway.runtime import Runtime
from gateway.submitting import DEFAULT_AGENT
from gateway.worker import Outcome, Terms, Worker

__all__ = ["engine_of", "hired", "terms_of"]


def terms_of(config: Config) -> Terms:
    """As `[queue]` says; only runs of agents that are configured here are taken up."""
    queue, agents = config.queue, frozenset(config.agents or (DEFAULT_AGENT,))
    slots = Slots(queue.tenant, queue.agent, queue.model, queue.tenants, queue.agents, queue.models)
    return Terms(queue.concurrency, slots, agents, queue.grace)


def hired(runtime: Runtime, told: Callable[[Outcome], None] | None = None, terms: Terms | None = None) -> Worker:
    return Worker(runtime.offline.store, runtime.loop, terms or terms_of(runtime.config), told)


def engine_of(_config: Config) -> Engine:
    return Embedded()


def within(terms: Terms, concurrency: int | None, most: int | None, *, until_idle: bool) -> Terms:
    """With what a command says on top."""
    return replace(terms, concurrency=concurrency or terms.concurrency, most=most, until_idle=until_idle)
