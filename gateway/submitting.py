"""A run that workers are to drive is queued: without a server, so that whoever wants it has its id at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.budget import Limits
from gateway.call import JsonObject, Subject
from gateway.clients import new_run_id
from gateway.config import Config
from gateway.config.choosing import DEFAULT_AGENT, chosen
from gateway.config.folders import shown_path
from gateway.config.model_names import chained, in_row
from gateway.config.output_schemas import checked, read_output_schema
from gateway.errors import ConfigError, StoreError
from gateway.events import Queued
from gateway.job import Job
from gateway.offline import Offline
from gateway.session import NAME, Join
from gateway.store import Change, Enqueue

if TYPE_CHECKING:
    from gateway.agents import Agent

__all__ = [
    "DEFAULT_AGENT",
    "Submission",
    "agent_of",
    "check_model",
    "check_text",
    "check_wish",
    "default_agent",
    "form_of",
    "joined",
    "own_limits",
    "submit",
]


@dataclass(frozen=True, slots=True)
class Submission:
    """What a run is to be. `subject` names its agent; `limits` come before those of budgets.toml; it is not begun
    before `ready`, in milliseconds since 1970, and not before the `delay`, in milliseconds, is over by the clock of the
    store. Without `run_id` it gets a new one. In a `session` it begins when those before it have ended. Its answer must
    fit `output_schema`: by itself, that of its agent.
    """

    text: str
    subject: Subject
    model: str | None = None
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    priority: int = 0
    ready: int = 0
    delay: int = 0
    run_id: str = ""
    session: str = ""
    output_schema: JsonObject | None = None


async def submit(offline: Offline, wanted: Submission, *changes: Change) -> str:
    """Queues it, with these changes of the store, and returns its id. A model's backend is not asked for, and needs no
    key here. Raises ConfigError for an agent or a model that is not configured and a schema that can't be used,
    StoreError for a text that no store keeps, and what the changes raise.
    """
    check_wish(wanted.text)
    config, subject = offline.config, wanted.subject
    agent = agent_of(config, (subject.agent or "").removeprefix("agent:"), "--agent")
    model = wanted.model or agent.model
    check_model(config, model, "--model" if wanted.model else "toolgate.toml")
    most = offline.budgets.limits_for(agent.name).strictest(own_limits(config, agent.name))
    limits = most.replaced(wanted.limits).to_json()
    run_id = wanted.run_id or new_run_id()
    who = (subject.user, subject.tenant, subject.agent)
    form = form_of(config, agent.name, wanted.output_schema)
    queued = Queued("loop", *who, model, wanted.text, limits, session=wanted.session, output_schema=form)
    joining = joined(run_id, wanted.session, subject)
    session = joining[0].session if joining else ""
    ready = max(wanted.ready, offline.store.now() + wanted.delay if wanted.delay else 0)
    job = Job(run_id, subject.tenant, agent.name, in_row(model)[0], wanted.priority, ready, session)
    await offline.store.append(run_id, [queued], lease=None, changes=[*changes, *joining, Enqueue(job)])
    return run_id


def check_wish(text: object) -> None:
    """Raises ConfigError for no text, and what `check_text` does."""
    if not isinstance(text, str) or not text.strip():
        raise ConfigError.at("text", "there is none: say what is to be done")
    check_text(text)


def check_text(text: str) -> None:
    """Raises StoreError for a text that not every store can keep."""
    if "\0" in text:
        raise StoreError("the text of a run has a NUL character (U+0000): say it without")


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


def form_of(config: Config, agent: str, given: JsonObject | None) -> JsonObject | None:
    """What the answer must fit. Raises ConfigError."""
    if given is not None:
        return checked(given, "output_schema")
    found = config.agents[agent].output_schema if agent in config.agents else None
    if not isinstance(found, Path):
        return found
    return read_output_schema(found, shown_path(found, config.folders.cwd))


def own_limits(config: Config, agent: str) -> Limits:
    found = config.agents.get(agent)
    return found.budgets.limits if found else Limits()


def joined(run_id: str, session: str, subject: Subject) -> list[Join]:
    """The run stands in the line of its session, if it has one. Raises ConfigError for what is no name of one."""
    if not session:
        return []
    if not NAME.fullmatch(session):
        message = f"`{ascii(session)[1:-1]}` is not a session's name"
        raise ConfigError.at("--session", message, hint="letters, digits and `. _ @ : -`, at most 128")
    return [Join(run_id, session, subject.user, subject.tenant, subject.agent or "")]


def check_model(config: Config, model: str, where: str) -> None:
    """Raises ConfigError for one that is not configured. Its backend is not asked for."""
    for name in in_row(model):
        try:
            chosen(name, config.settings)
        except ValueError as error:
            message, _, hint = str(error).partition("; ")
            raise ConfigError.at(where, message, hint=hint) from None
