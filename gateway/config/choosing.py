"""What the name of a model means here: which model, where it is served, and what is said of it. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.config.endpoints import EndpointConfig, Served, languages, served
from gateway.config.extra_fields import misplaced
from gateway.config.model_names import REPLAY, SCRIPTED, direct, in_row
from gateway.config.models import ModelConfig
from gateway.config.places import KeyPath, Place
from gateway.config.settings import AgentConfig, Settings
from gateway.errors import Problem
from gateway.wording import did_you_mean, listed

__all__ = ["DEFAULT_AGENT", "Chosen", "chosen", "model_findings", "schedule_findings"]

DEFAULT_AGENT = "assistant"  # who works where no agent is configured


@dataclass(frozen=True, slots=True)
class Chosen:
    """`name` is what people call it, `model` what its provider does. `served` is None for a script, or a recording."""

    name: str
    model: str
    served: Served | None
    said: ModelConfig | None = None
    script: Path | None = None
    recording: str | None = None


def chosen(name: str, settings: Settings) -> Chosen:
    """Raises ValueError with what is wrong with the name, and what to do."""
    if name in settings.models:
        return _alias(name, settings.models[name], settings.endpoints)
    if name.startswith(f"{SCRIPTED}:"):
        return Chosen(name, name, None, script=Path(name.removeprefix(f"{SCRIPTED}:")))
    if name.startswith(f"{REPLAY}:"):
        return Chosen(name, name, None, recording=name.removeprefix(f"{REPLAY}:"))
    found = direct(name, languages(settings.endpoints))
    if found is None:
        raise ValueError(f"there is no model `{name}`; {_known(name, settings.models)}")
    return Chosen(name, found.name, served(found.endpoint, settings.endpoints))


def model_findings(settings: Settings, places: Mapping[KeyPath, Place]) -> Iterator[Problem]:
    """What is wrong between the tables about models."""
    for alias, model in settings.models.items():
        yield from _misplaced(alias, model, settings.endpoints, places)
    for name, endpoint in settings.endpoints.items():
        for field, why in misplaced(endpoint.extra, languages(settings.endpoints)[name]):
            hint = "leave it out; effort, limits and the like are keys of [models.ALIAS] and [agents.NAME]"
            yield places["endpoints", name, "extra", field].problem(why, hint)
    for agent, said in settings.agents.items():
        for why, hint in _unknown(said.model, settings):
            yield places["agents", agent, "model"].problem(f"the agent `{agent}`: {why}", hint)


def schedule_findings(settings: Settings, places: Mapping[KeyPath, Place]) -> Iterator[Problem]:
    """What keeps a schedule from firing, for which nobody would be there when its moment comes. One that is disabled
    may wait for its agent.
    """
    agents = settings.agents or {DEFAULT_AGENT: AgentConfig()}
    for name, schedule in settings.schedules.items():
        agent, table = schedule.agent or next(iter(agents)), f"the schedule `{name}`"
        if schedule.disabled:
            continue
        if agent not in agents:
            hint = did_you_mean(agent, settings.agents)
            yield places["schedules", name, "agent"].problem(f"{table}: there is no agent `{agent}`", hint)
        elif schedule.model is not None:
            for why, hint in _unknown(in_row(schedule.model), settings):
                yield places["schedules", name, "model"].problem(f"{table}: {why}", hint)
        elif not (agents[agent].model or (settings.agents and settings.models)):
            message = f"{table} has no model, nor has the agent `{agent}`"
            yield places["schedules", name].problem(message, "say `model` in one of their tables")


def _unknown(names: Iterable[str], settings: Settings) -> Iterator[tuple[str, str]]:
    """What is wrong with each that means no model, and what to do."""
    for name in names:
        try:
            chosen(name, settings)
        except ValueError as error:
            message, _, hint = str(error).partition("; ")
            yield message, hint


def _misplaced(
    alias: str, model: ModelConfig, endpoints: Mapping[str, EndpointConfig], places: Mapping[KeyPath, Place]
) -> Iterator[Problem]:
    if model.endpoint is None:
        return
    known, place = languages(endpoints), places["models", alias, "endpoint"]
    if model.endpoint not in known:
        yield place.problem(f"there is no endpoint `{model.endpoint}`", did_you_mean(model.endpoint, known))
    elif known[model.endpoint] != model.provider:
        message = f"the endpoint `{model.endpoint}` speaks `{known[model.endpoint]}`, and the model `{alias}` does not"
        yield place.problem(message, f'write `provider = "{known[model.endpoint]}"`')


def _alias(alias: str, model: ModelConfig, endpoints: Mapping[str, EndpointConfig]) -> Chosen:
    own = model.name or alias
    if model.provider == SCRIPTED:
        return Chosen(alias, own, None, model, model.script)
    return Chosen(alias, own, _where(alias, model, endpoints), model)


def _where(alias: str, model: ModelConfig, endpoints: Mapping[str, EndpointConfig]) -> Served:
    """What a model says of its own address and key makes it an endpoint of its own."""
    if model.endpoint is None and model.base_url is not None and model.provider == "compatible":
        base = served(alias, {alias: EndpointConfig()})
    else:
        base = served(model.endpoint or model.provider, endpoints)
    if model.base_url is None and model.api_key_env is None and not model.headers:
        return base
    own = replace(base, name=alias, prices=base.prices if model.base_url is None else None)
    if model.api_key_env is not None:
        own = replace(own, key=model.api_key_env, key_needed=True)
    if model.headers:
        own = replace(own, said=own.said.model_copy(update={"headers": model.headers}), table=("models", alias))
    return replace(own, base_url=model.base_url or own.base_url)


def _known(name: str, models: Mapping[str, ModelConfig]) -> str:
    close = did_you_mean(name, models)
    if close.startswith("did"):
        return close
    return f"configured: {listed(models) or 'none'}; or write `anthropic:NAME`, `openai:NAME` or `scripted:FILE`"
