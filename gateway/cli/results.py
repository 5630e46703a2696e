"""How `toolgate call` ends: the tool's own result on stdout, or one line that says why there is none."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import click

from gateway.call import (
    Answered,
    InDoubt,
    InputRequired,
    JsonObject,
    Outcome,
    Refused,
    TaskCreated,
    Unsent,
    outcome_from_json,
)
from gateway.cli.exits import Exit, Stop
from gateway.cli.options import emit
from gateway.events import Denied, Doubted, Held, Returned
from gateway.pipeline import CallResult, OutOfBudget
from gateway.visible import visible

__all__ = ["conclude", "ending"]

_OF_GATE: Mapping[str, Exit] = {
    "known": Exit.ERROR,
    "reachable": Exit.UNREACHABLE,
    "valid": Exit.ERROR,
    "within_budget": Exit.BUDGET,
}

_ENDED_AT_GATE: Mapping[str, str] = {
    "known": "no such tool",
    "reachable": "not reached",
    "valid": "not valid",
    "within_budget": "over budget",
}


def ending(result: CallResult) -> str:
    """How the call ended, in a word or two; empty for an answer without an error. Pure."""
    match result:
        case Denied(gate=gate):
            return _ENDED_AT_GATE.get(gate, "denied")
        case Held():
            return "waits for approval"
        case OutOfBudget():
            return "over budget"
        case Doubted():
            return "in doubt"
        case Returned(outcome=outcome):
            return _ended(outcome_from_json(outcome))


def _ended(outcome: Outcome) -> str:
    match outcome:
        case Answered(is_error=is_error):
            return "tool error" if is_error else ""
        case Refused():
            return "tool error"
        case InputRequired():
            return "wants input"
        case TaskCreated():
            return "a task"
        case Unsent():
            return "not sent"
        case InDoubt():
            return "in doubt"


def conclude(result: CallResult, tool: str, *, as_json: bool, option: str = "") -> int:
    """Prints the result and returns the exit code. Raises Stop for everything but a tool's answer without error.

    `option` is what `toolgate approve` needs besides the id.
    """
    match result:
        case Denied():
            raise _denied(result)
        case Held():
            raise _held(result, option)
        case Returned():
            return _returned(tool, result, as_json=as_json)
        case Doubted(why=why) | OutOfBudget(why=why):  # of a client's call they can't come, as things are
            raise Stop(Exit.ERROR, visible(why))


def _denied(event: Denied) -> Stop:
    code = _OF_GATE.get(event.gate, Exit.DENIED)
    head = "denied: " if code in (Exit.DENIED, Exit.BUDGET) else ""
    rule = f" [{event.rule}]" if event.rule else ""
    return Stop(code, f"{head}{visible(event.why)}{rule}", {"gate": event.gate, "rule": event.rule})


def _held(event: Held, option: str) -> Stop:
    rule = f" [{event.rule}]" if event.rule else ""
    text = (
        f"not called yet, a person must agree: {visible(event.why)}{rule};"
        f" after `toolgate approve {event.approval_id}{option}` give the same command again"
    )
    return Stop(Exit.WAITING, text, {"approval": event.approval_id, "rule": event.rule})


def _returned(tool: str, event: Returned, *, as_json: bool) -> int:
    outcome = outcome_from_json(event.outcome)
    if isinstance(outcome, Answered):
        return _answered(tool, outcome, as_json=as_json)
    code, text = _FAILED[type(outcome)](outcome)
    raise Stop(code, f"{visible(tool)}: {visible(text)}")


_FAILED: Mapping[type[Outcome], Callable[[Any], tuple[Exit, str]]] = {
    InputRequired: lambda _: (Exit.TOOL_ERROR, "the tool asks its caller for input, and nobody here can give it"),
    TaskCreated: lambda _: (Exit.ERROR, "the server made a task of it, and nobody here can follow it"),
    Refused: lambda outcome: (Exit.TOOL_ERROR, f"the server refused: {outcome.message} (code {outcome.code})"),
    Unsent: lambda outcome: (Exit.UNREACHABLE, f"not sent: {outcome.why}"),
    InDoubt: lambda outcome: (Exit.ERROR, f"no answer came, and it may have happened: {outcome.why}"),
}


def _answered(tool: str, outcome: Answered, *, as_json: bool) -> int:
    if as_json:
        emit(outcome.result)
    if outcome.is_error:
        raise Stop(Exit.TOOL_ERROR, f"{visible(tool)} reports an error: {visible(_text(outcome.result))}")
    if not as_json:
        click.echo(_shown(_text(outcome.result)))
        for block in _others(outcome.result):
            click.echo(f"not text: {visible(_named(block))}; --json has it all", err=True)
    return Exit.OK


def _text(result: JsonObject) -> str:
    """The text of a result; without any, its structured content."""
    texts = [str(block.get("text", "")) for block in _blocks(result) if block.get("type") == "text"]
    structured = result.get("structuredContent")
    return "\n".join(texts) if texts or structured is None else json.dumps(structured)


def _others(result: JsonObject) -> list[JsonObject]:
    return [block for block in _blocks(result) if block.get("type") != "text"]


def _named(block: JsonObject) -> str:
    """What it is, and where that can be read, if the server has said so."""
    held = block.get("resource")
    uri = held.get("uri") if isinstance(held, Mapping) else block.get("uri")
    return f"{block.get('type')} {uri}" if isinstance(uri, str) else str(block.get("type"))


def _blocks(result: JsonObject) -> list[JsonObject]:
    content = result.get("content")
    return [block for block in content if isinstance(block, Mapping)] if isinstance(content, list) else []


def _shown(text: str) -> str:
    """As it is for a program; for a terminal, without what would steer it."""
    return "\n".join(map(visible, text.split("\n"))) if sys.stdout.isatty() else text
