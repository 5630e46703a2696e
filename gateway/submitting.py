"""A run that workers are to drive is queued: without a server, so that whoever wants it has its id at once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.budget import Limits
from gateway.call import Subject
from gateway.clients import new_run_id
from gateway.config import Config
from gateway.config.choosing import chosen
from gateway.config.model_names import chained, in_row
from gateway.errors import ConfigError
from gateway.events import Queued
from gateway.job import Job
from gateway.offline import Offline
from gateway.store import Change, Enqueue

if TYPE_CHECKING:
    from gateway.agents import Agent

__all__ = ["DEFAULT_AGENT", "Submission", "agent_of", "default_agent", "own_limits", "submit"]

DEFAULT_AGENT = "assistant"  # who works where no agent is configured


@dataclass(frozen=True, slots=True)
class Submission:
    """What a run is to be. `subject` names its agent; `limits` come before those of budgets.toml; it is not begun
    before `ready`, in milliseconds since 1970. Without `run_id` it gets a new one.
    """

    text: str
    subject: Subject
    model: str | None = None
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    priority: int = 0
    ready: int = 0
    run_id: str = ""


async def submit(offline: Offline, wanted: Submission, *changes: Change) -> str:
    """Queues it, with these changes of the store, and returns its id. A model's backend is not asked for, and needs no
    key here. Raises ConfigError for an agent or a model that is not configured, and what the changes raise.
    """
    config, subject = offline.config, wanted.subject
    agent = agent_of(config, (subject.agent or "").removeprefix("agent:"), "--agent")
    model = wanted.model or agent.model
    _check_model(config, model, "--model" if wanted.model else "toolgate.toml")
    most = offline.budgets.limits_for(agent.name).strictest(own_limits(config, agent.name))
    limits = most.replaced(wanted.limits).to_json()
    run_id = wanted.run_id or new_run_id()
    queued = Queued("loop", subject.user, subject.tenant, subject.agent, model, wanted.text, limits)
    job = Job(run_id, subject.tenant, agent.name, in_row(model)[0], wanted.priority, wanted.ready)
    await offline.store.append(run_id, [queued], lease=None, changes=[*changes, Enqueue(job)])
    return run_id


def default_agent(config: Config) -> str:
    """Who works when nobody is named: the first one configured."""
    return next(iter(config.agents), DEFAULT_AGENT)


def agent_of(config: Config, name: str, where: str = "toolgate.toml") -> "Agent":
    """Raises ConfigError for one that is not configured; `where` is what named it."""
    from gateway.agents import Agent, Asking, Context

    if name not in config.agents:
        if name == DEFAULT_AGENT and not config.agents:
            return Agent(name)
        known = ", ".join(f"`{agent}`" for agent in config.agents) or "none"
        raise ConfigError.at(where, f"there is no agent `{name}`", hint=f"configured: {known}")
    found = config.agents[name]
    names = found.model or tuple(config.models)[:1]
    asking = Asking(found.effort, found.parallel_calls, found.tool_choice, found.strict, found.stop)
    context = Context(**{**dict(found.context), "compact_at": found.context.compact_at / 100})
    own = (found.instructions, chained(names), found.tools, found.max_output_tokens)
    return Agent(name, *own, context, asking, found.may_wait)


def own_limits(config: Config, agent: str) -> Limits:
    found = config.agents.get(agent)
    return found.budgets.limits if found else Limits()


def _check_model(config: Config, model: str, where: str) -> None:
    for name in in_row(model):
        try:
            chosen(name, config.settings)
        except ValueError as error:
            message, _, hint = str(error).partition("; ")
            raise ConfigError.at(where, message, hint=hint) from None
