"""What toolgate.toml says of single tools, read once more: conditions compiled, places looked up, names made whole.

Raises ConfigError with every mistake, each in its line.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from gateway.call import JsonObject
from gateway.config import Config
from gateway.config.places import DEFAULT, KeyPath, Place, dotted, nearest
from gateway.config.tool_word import InquiryConfig, RecipeConfig, ToolConfig
from gateway.effects import PLACES, Effects, Inquiry, Recipe, ToolWord, wrong_place
from gateway.errors import ConfigError, Problem
from gateway.policy.answers import answers, compile_answer
from gateway.policy.condition import ConditionError
from gateway.policy.logic import Truth

__all__ = ["effects_of", "qualified"]


def effects_of(config: Config) -> Effects:
    """What holds for calls."""
    problems = [problem for name in config.servers for problem in _problems(config, name)]
    if problems:
        raise ConfigError(problems)
    tools, servers = {}, {}
    for name, server in config.servers.items():
        word = server.word
        if word.retries is not None or word.retry_errors:
            servers[name] = ToolWord(retries=word.retries, retry_errors=word.retry_errors)
        usual = servers.get(name, ToolWord())
        tools.update({f"{name}/{tool}": _word(name, said, usual) for tool, said in word.tools.items()})
    return Effects(tools, servers)


def qualified(server: str, tool: str) -> str:
    """`server/tool`, where only a tool of this server may be meant."""
    return tool if "/" in tool else f"{server}/{tool}"


def _word(server: str, said: ToolConfig, usual: ToolWord) -> ToolWord:
    return ToolWord(
        said.idempotency_argument,
        said.read_only,
        usual.retries if said.retries is None else said.retries,
        said.retry_errors or usual.retry_errors,
        _inquiry(server, said.reconcile) if said.reconcile else None,
        _recipe(server, said.undo) if said.undo else None,
    )


def _recipe(server: str, said: RecipeConfig) -> Recipe:
    return Recipe(qualified(server, said.tool), None if said.arguments is None else _plain(said.arguments))


def _inquiry(server: str, said: InquiryConfig) -> Inquiry:
    did_not = None if said.did_not_happen is None else _holding(said.did_not_happen)
    return Inquiry(_recipe(server, said), _holding(said.happened), did_not, said.after or 0.0)


def _holding(text: str) -> Callable[[JsonObject], Truth]:
    return partial(answers, compile_answer(text))


def _plain(item: Any) -> Any:
    """TOML's numbers with a point as JSON has them."""
    match item:
        case Mapping():
            return {name: _plain(each) for name, each in item.items()}
        case list() | tuple():
            return [_plain(each) for each in item]
        case Decimal():
            return float(item)
    return item


# ---- mistakes


def _problems(config: Config, name: str) -> Iterator[Problem]:
    for tool, said in config.servers[name].word.tools.items():
        path: KeyPath = ("servers", name, "tools", tool)
        if said.reconcile is not None:
            place = _place(config, (*path, "reconcile"))
            yield from _recipe_problems(config, (*path, "reconcile"), said.reconcile, ("key", "arguments"))
            for key in ("happened", "did_not_happen"):
                yield from _condition(config, (*path, "reconcile", key), getattr(said.reconcile, key))
            if said.reconcile.did_not_happen == said.reconcile.happened:
                yield place.problem("one result can't say both that it happened and that it did not")
        if said.undo is not None:
            yield from _recipe_problems(config, (*path, "undo"), said.undo, PLACES)


def _place(config: Config, path: KeyPath) -> Place:
    return nearest(config.places, path, DEFAULT)


def _recipe_problems(config: Config, path: KeyPath, said: RecipeConfig, places: tuple[str, ...]) -> Iterator[Problem]:
    server = qualified(str(path[1]), said.tool).partition("/")[0]
    if server not in config.servers:
        message = f"`{dotted(path)}` names the server `{server}`, which no .mcp.json describes"
        yield _place(config, (*path, "tool")).problem(message)
    wrong = wrong_place(said.arguments, places)
    if wrong is not None:
        known = ", ".join({"key": "`{key}`"}.get(place, f"`{{{place}.NAME}}`") for place in places)
        yield _place(config, (*path, "arguments")).problem(f"there is no place `{wrong}`", f"known: {known}")


def _condition(config: Config, path: KeyPath, text: str | None) -> Iterator[Problem]:
    if text is None:
        return
    try:
        compile_answer(text)
    except ConditionError as error:
        message = f"`{dotted(path)}`: at character {error.offset + 1}: {error.message}"
        yield _place(config, path).problem(message, error.hint)
