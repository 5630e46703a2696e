"""What a model is told in one turn, and how much of it there is. Pure."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from gateway.agents import Agent
from gateway.budget import shown
from gateway.call import Tool
from gateway.catalogue import Catalogue
from gateway.run import Run
from providers import Message, Request, ToolSpec

__all__ = ["assemble", "estimated_tokens", "offered", "running_low"]

WARN_AT = 80  # percent of a run's own limits
BYTES_A_TOKEN = 3  # on the safe side for most languages, and for JSON; a provider that can count does better


def offered(agent: Agent, catalogue: Catalogue, visible: Callable[[Tool], bool]) -> tuple[ToolSpec, ...]:
    """The tools that this agent's model is shown, in a stable order (providers cache prompts by prefix)."""
    return tuple(
        ToolSpec(name, tool.description, tool.input_schema)
        for name, path in catalogue.names.items()
        if any(fnmatchcase(path, glob) for glob in agent.tools) and visible(tool := catalogue.tools[path])
    )


def assemble(agent: Agent, run: Run, model: str, tools: Sequence[ToolSpec], messages: Sequence[Message]) -> Request:
    """The request of the next turn. `model` is the provider's own name for it; the reply is as long as fits."""
    system = "\n\n".join(text for text in (agent.instructions, running_low(run)) if text)
    request = Request(model, system, messages, tools, agent.max_output_tokens)
    taken, most = run.spend + run.reserved, [agent.max_output_tokens]
    if run.limits.tokens is not None:
        most.append(run.limits.tokens - taken.tokens - estimated_tokens(request, run))
    if run.limits.output_tokens is not None:
        most.append(run.limits.output_tokens - taken.output_tokens)
    return replace(request, max_output_tokens=max(1, min(most)))


def running_low(run: Run) -> str:
    """What is left of what runs low, in words for the model; nothing while there is enough of everything."""
    taken, limits = run.spend + run.reserved, run.limits
    told = [
        f"{shown(unit, left)} of {shown(unit, limit)}"
        for unit, left in limits.left(taken).items()
        if (limit := getattr(limits, unit)) and (limit - left) * 100 >= limit * WARN_AT
    ]
    told += [
        f"{shown(low['unit'], low['left'])} of {shown(low['unit'], low['limit'])} (`{low['budget']}`)"
        for low in run.low.values()
    ]
    return (
        f"Little is left of the budget: {', '.join(told)}. Come to an end, or use it for what matters." if told else ""
    )


def estimated_tokens(request: Request, run: Run) -> int:
    """How many input tokens a request will cost at most, about: counted in bytes of its text and JSON."""
    return (_bytes(request.system) + sum(map(_size, request.tools)) + run.size) // BYTES_A_TOKEN + 1


def _size(tool: ToolSpec) -> int:
    return _bytes(tool.name) + _bytes(tool.description) + len(json.dumps(tool.input_schema))


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
