"""Which tools a model is shown: all that it may use; or, where those are too many, two with which it finds them. Pure.

`search_tools` lists what the policy lets its subject see, and nothing else. `call_tool` is no tool and decides nothing:
what the model wants by it is the call of the tool that it names, with that tool's arguments, and takes the path of
every call.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from gateway.agents import DEFAULT_WINDOW, Agent
from gateway.agents.searching import Index
from gateway.agents.sleeping import WAIT, WAIT_FOR
from gateway.apps import for_models
from gateway.arguments import ArgumentsError, parse_json
from gateway.call import Tool
from gateway.catalogue import Catalogue
from gateway.values import value
from providers import ToolCall, ToolSpec

__all__ = ["MISCALLED", "OURS", "SEARCH", "Answer", "Offer", "Offered"]
__all__ += ["answered", "offer", "offered", "wanted"]

SEARCH, MISCALLED = "toolgate:search_tools", "toolgate:call_tool"  # no server has a tool of such a path
OURS = frozenset({SEARCH, MISCALLED, WAIT})

_SHARE = 5  # tools that fill more than this part of a window are searched
_FOUND, _MOST_FOUND = 5, 20

_SEARCH = ToolSpec(
    "search_tools",
    "Finds tools. There are more than can be shown at once: say in a few words what you want to do, and you get the"
    " best matches with their parameters. Then use call_tool.",
    {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "what the tool should do, or a part of its name"},
            "limit": {"type": "integer", "minimum": 1, "maximum": _MOST_FOUND, "default": _FOUND},
        },
        "required": ["query"],
        "additionalProperties": False,
    },
)
_CALL = ToolSpec(
    "call_tool",
    "Calls a tool that search_tools has found, by its name, with arguments that fit its parameters.",
    {
        "type": "object",
        "properties": {"name": {"type": "string"}, "arguments": {"type": "object"}},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    },
)


class Offered(tuple[ToolSpec, ...]):  # noqa: SLOT001 - it keeps its size
    """Tools in a stable order, weighed once."""

    @cached_property
    def size(self) -> int:
        """Of names, descriptions and schemas: bytes."""
        return sum(map(_size, self))


def _size(tool: ToolSpec) -> int:
    text = f"{tool.name}{tool.description}"
    return len(text.encode(errors="surrogatepass")) + len(json.dumps(tool.input_schema))


@value(frozen=True)
class Offer:
    """`shown` is what the model is shown, `everything` what it may use; without a `search` they are the same.

    `demanded` is the name of the tool that the agent's `tool_choice` means; empty where that is not shown.
    """

    shown: Offered
    everything: Offered
    search: str = ""  # the names of the two
    call: str = ""
    index: Index = field(default_factory=lambda: Index(()))
    demanded: str = ""
    wait: str = ""  # the name of the one by which it waits, where it may


@value(frozen=True, slots=True)
class Answer:
    """What the model is told of a search: MCP content blocks, and the names of the tools in them."""

    query: str
    found: Sequence[str]
    content: Sequence[Mapping[str, Any]]
    is_error: bool = False


def offered(agent: Agent, catalogue: Catalogue, visible: Callable[[Tool], bool]) -> Offered:
    """The tools that this agent's model may use, in a stable order (providers cache prompts by prefix). Who shows no
    user interfaces has none for what is theirs alone.
    """
    return Offered(
        ToolSpec(name, tool.description, tool.input_schema, agent.asking.strict)
        for name, path in catalogue.names.items()
        if _named(path, agent.tools) and visible(tool := catalogue.tools[path]) and for_models(tool.definition)
    )


def _named(path: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(path, glob) for glob in globs)


def offer(agent: Agent, catalogue: Catalogue, visible: Callable[[Tool], bool], window: int = DEFAULT_WINDOW) -> Offer:
    """All of them, or two with which it finds them; and one by which it waits, where it may. `window` is in tokens."""
    made = _offer(agent, catalogue, visible, window)
    if not agent.may_wait:
        return made
    wait = _free(WAIT_FOR, catalogue.names)
    return replace(made, shown=Offered((*made.shown, wait)), wait=wait.name)


def _offer(agent: Agent, catalogue: Catalogue, visible: Callable[[Tool], bool], window: int) -> Offer:
    everything, context = offered(agent, catalogue, visible), agent.context
    if len(everything) <= context.tools_before_search and everything.size // 3 <= window // _SHARE:
        return Offer(everything, everything, demanded=_demanded(agent, everything, catalogue))
    always = [tool for tool in everything if _named(catalogue.names[tool.name], context.always)]
    search, call = (_free(spec, catalogue.names) for spec in (_SEARCH, _CALL))
    shown, demanded = Offered((*always, search, call)), _demanded(agent, always, catalogue)
    return Offer(shown, everything, search.name, call.name, Index(everything), demanded)


def _demanded(agent: Agent, shown: Iterable[ToolSpec], catalogue: Catalogue) -> str:
    return next((tool.name for tool in shown if catalogue.names[tool.name] == agent.asking.tool_choice), "")


def _free(spec: ToolSpec, names: Mapping[str, str]) -> ToolSpec:
    """Under a name that no server's tool has."""
    name = spec.name
    while name in names:
        name = f"{name}_"
    return ToolSpec(name, spec.description, spec.input_schema)


def wanted(wish: ToolCall, made: Offer, resolve: Callable[[str], str]) -> Mapping[str, str]:
    """What a model wants: the `path` of a tool, and its own `arguments` where they stand inside of `call_tool`'s."""
    if made.search and wish.name == made.search:
        return {"path": SEARCH}
    if made.wait and wish.name == made.wait:
        return {"path": WAIT}
    if not made.call or wish.name != made.call:
        return {"path": _path(wish.name, resolve)}
    try:
        given = parse_json(wish.arguments)
    except ArgumentsError:
        return {"path": MISCALLED}
    name, arguments = (given.get("name"), given.get("arguments", {})) if isinstance(given, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(arguments, (dict, str)):
        return {"path": MISCALLED}
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {"path": _path(name, resolve), "arguments": text}


def _path(name: str, resolve: Callable[[str], str]) -> str:
    """Ours are had by the names under which they are offered, and by no other: those mean what no server has."""
    path = resolve(name)
    return f"unknown {path}" if path in OURS else path


def answered(path: str, arguments: str, made: Offer) -> Answer:
    """What a search finds; or why it is none."""
    try:
        given = parse_json(arguments)
    except ArgumentsError as error:
        return _wrong(str(error))
    if path == MISCALLED:
        return _wrong(f"`{_CALL.name}` needs the tool's `name` and its `arguments`, an object")
    query = given.get("query") if isinstance(given, dict) else None
    limit = given.get("limit", _FOUND) if isinstance(given, dict) else None
    if not isinstance(query, str) or not isinstance(limit, int) or isinstance(limit, bool):
        return _wrong(f"`{_SEARCH.name}` needs a `query`, a text, and takes a `limit`, a whole number")
    found = made.index.search(query, max(1, min(limit, _MOST_FOUND)))
    return Answer(query, [tool.name for tool in found], [{"type": "text", "text": _listed(found, made)}])


def _wrong(why: str) -> Answer:
    return Answer("", (), [{"type": "text", "text": f"Not done: {why}."}], is_error=True)


def _listed(found: Sequence[ToolSpec], made: Offer) -> str:
    tools = [{"name": tool.name, "description": tool.description, "input_schema": tool.input_schema} for tool in found]
    head = f"{len(found)} of {len(made.everything)} tools; use {made.call} to call one."
    return "\n".join([head, *(json.dumps(tool, ensure_ascii=False) for tool in tools)])
