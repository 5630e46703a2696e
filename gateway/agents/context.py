"""What a model is told in one turn, and how much of it there is. Pure.

Its order is stable, so that prompt caches hit: tools, instructions and pinned texts, the conversation; what changes
from turn to turn (how much of the budget is left) stands at the end.
"""

import json
from collections.abc import Sequence

from gateway.agents import DEFAULT_WINDOW, Agent
from gateway.agents.compaction import BYTES_A_TOKEN, LEAST_ROOM, Room
from gateway.agents.offering import Offer, Offered
from gateway.budget import shown
from gateway.call import JsonObject
from gateway.errors import ContextTooSmall
from gateway.run import Run
from providers import Deadlines, Message, Request, Text, ToolSpec

__all__ = [
    "BYTES_A_TOKEN",
    "WARN_AT",
    "assemble",
    "estimated_tokens",
    "room_of",
    "running_low",
    "system_of",
    "window_of",
]

WARN_AT = 80  # percent of a run's own limits
_WORDS = 400  # bytes
_PATIENCE = Deadlines()
_PINNED = "Keep in mind, however long the conversation becomes:"


def window_of(agent: Agent, of_model: int | None) -> int:
    """Tokens: the smaller of what the agent is given and what its model takes."""
    known = [tokens for tokens in (agent.context.window, of_model) if tokens is not None]
    return min(known, default=DEFAULT_WINDOW)


def system_of(agent: Agent, run: Run) -> str:
    """The instructions, and what is pinned."""
    pinned = [f"- {text}" for text in (*agent.context.pinned, *run.pinned)]
    return "\n\n".join(text for text in (agent.instructions, "\n".join([_PINNED, *pinned]) if pinned else "") if text)


def room_of(agent: Agent, run: Run, tools: Sequence[ToolSpec], window: int, scale: float = 1.0) -> Room:
    """How much conversation fits beside the rest. `scale` is how many tokens there really are to each estimated one.

    Raises ContextTooSmall.
    """
    context = agent.context
    reserve = min(context.reserve or agent.most_output, window // 2)
    fixed = (_bytes(system_of(agent, run)) + _size_of(tools) + _form(run.output_schema)) / BYTES_A_TOKEN * scale
    room = Room.of((window - reserve - fixed) / scale, context.compact_at)
    if room.mark < LEAST_ROOM:
        raise ContextTooSmall(
            f"the window of {window:,} tokens has no room for a conversation: instructions, pinned texts and tools take"
            f" {round(fixed):,}, and {reserve:,} are kept for the reply"
        )
    return room


def assemble(  # noqa: PLR0913 - what a request is made of
    agent: Agent,
    run: Run,
    model: str,
    offer: Offer,
    messages: Sequence[Message],
    *,
    deadlines: Deadlines | None = None,
) -> Request:
    """The request of the next turn. `model` is the provider's own name for it; the reply is as long as fits."""
    tools, asking, system = offer.shown, agent.asking, system_of(agent, run)
    low = running_low(run)
    told = (*messages, Message("user", (Text(low, {"aside": True}),))) if low else messages
    return Request(
        model,
        system,
        told,
        tools,
        _longest(agent, run, _estimated(system, tools, run.output_schema, run.size, low)),
        cache_key=run.id,
        effort=asking.effort,
        parallel=asking.parallel,
        stop=tuple(asking.stop),
        tool_choice=_choice(asking.tool_choice, offer, () if run.rejected else messages),
        output_schema=run.output_schema,
        deadlines=deadlines or _PATIENCE,
    )


def _longest(agent: Agent, run: Run, read: int) -> int:
    """Tokens of a reply to a question of so many, as far as the run's own limits leave them."""
    taken, limits, most = run.taken, run.limits, agent.most_output
    if limits.tokens is not None:
        most = min(most, limits.tokens - taken.tokens - read)
    if limits.output_tokens is not None:
        most = min(most, limits.output_tokens - taken.output_tokens)
    return max(1, most)


def _choice(wanted: str, offer: Offer, messages: Sequence[Message]) -> str:
    """`none` always holds; what is demanded, of the first reply to the user, if there is such a tool just now."""
    if wanted in ("auto", "none") or not offer.shown:
        return wanted if offer.shown else "auto"
    if not messages or messages[-1].role != "user":
        return "auto"
    return "any" if wanted == "any" else offer.demanded or "auto"


def running_low(run: Run) -> str:
    """What is left of what runs low, in words for the model; nothing while there is enough of everything."""
    taken = run.taken
    told = [
        f"{shown(unit, max(0, limit - used))} of {shown(unit, limit)}"
        for unit, limit in run.limits.items()
        if (used := taken.get(unit)) * 100 >= limit * WARN_AT and limit
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
    return _estimated(request.system, request.tools, request.output_schema, run.size, running_low(run))


def _estimated(system: str, tools: Sequence[ToolSpec], schema: JsonObject | None, size: int, low: str) -> int:
    """`size` is that of the conversation, in bytes."""
    return (_bytes(system) + _size_of(tools) + _form(schema) + size + _bytes(low)) // BYTES_A_TOKEN + 1


def _size_of(tools: Sequence[ToolSpec]) -> int:
    return tools.size if isinstance(tools, Offered) else Offered(tools).size


def _form(schema: JsonObject | None) -> int:
    """Bytes of what is said of the answer's form, with the words that some models need for it."""
    return 0 if schema is None else len(json.dumps(schema)) + _WORDS


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
