"""A run is taken up anew from a point of another one: who may, with which model and limits. No server is needed."""

from dataclasses import replace

from gateway.budget import Limits
from gateway.call import Subject
from gateway.clients import new_run_id
from gateway.config.model_names import in_row
from gateway.errors import StoreError
from gateway.forking import Fork, forked
from gateway.job import Job
from gateway.models import Models
from gateway.offline import Offline
from gateway.reversal import must_be_here
from gateway.run import Run
from gateway.store import Enqueue
from gateway.submitting import DEFAULT_AGENT, agent_of, check_model, check_text
from gateway.values import value

__all__ = ["Taken", "begin"]


@value(frozen=True, slots=True)
class Taken:
    """How a run is taken up anew: by whom (else who is configured), with which model, and limits that come first. With
    a `priority` workers drive it, as if it had been submitted; without, whoever wants to.
    """

    by: Subject | None = None
    model: str | None = None
    limits: Limits = Limits()
    priority: int | None = None


async def begin(offline: Offline, run_id: str, fork: Fork, how: Taken) -> str:
    """Queues it and returns its id. Its budgets begin anew, with the limits of its agent, or those that are given.

    It belongs to whom the run belongs, and nobody else begins it. Raises StoreError, UnknownRun, ConfigError.
    """
    found, asking = await offline.run(run_id), how.by or offline.subject()
    must_be_here(found)
    _may_be(found, asking)
    check_text(fork.text)
    queued, carried = forked(found.id, await offline.store.events(found.id), fork)
    name = (found.subject.agent or "").removeprefix("agent:")
    _check(offline, name or DEFAULT_AGENT, queued.model, how)
    agent = offline.config.agents.get(name)
    most = offline.budgets.limits_for(name).strictest(agent.budgets.limits if agent else Limits())
    queued = replace(queued, model=how.model or queued.model, limits=most.replaced(how.limits).to_json())
    new, place = new_run_id(), list[Enqueue]()
    if how.priority is not None:
        place = [Enqueue(Job(new, queued.tenant, name, in_row(queued.model)[0], how.priority))]
    await offline.store.append(new, [queued, carried], lease=None, changes=place)
    return new


def _may_be(found: Run, asking: Subject) -> None:
    owner = found.subject
    if found.driver == "client":
        raise StoreError(f"run `{found.id}` is an MCP client's: there is no conversation to go on with")
    if (asking.user, asking.tenant) != (owner.user, owner.tenant):
        raise StoreError(f"run `{found.id}` is of {owner.user} in `{owner.tenant}`: only he goes on from it (--as)")


def _check(offline: Offline, agent: str, before: str, how: Taken) -> None:
    """Who names another model than there was `before`, and drives it here, needs its backend; for all others it must be
    configured.
    """
    agent_of(offline.config, agent)
    if how.model is None:
        check_model(offline.config, before, "toolgate.toml")
    elif how.priority is None:
        Models(offline.config).open(how.model, "--model")
    else:
        check_model(offline.config, how.model, "--model")
