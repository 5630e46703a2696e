"""How `toolgate call` ends: the tool's own result on stdout, or one line that says why there is none."""

import json
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any

import click

from gateway.call import Answered, InDoubt, JsonObject, Refused, Unsent, outcome_from_json
from gateway.cli.exits import Exit, Stop
from gateway.cli.options import emit
from gateway.events import Denied, Doubted, Held, Returned
from gateway.pipeline import CallResult, OutOfBudget
from gateway.visible import visible

__all__ = ["conclude"]

_OF_GATE: Mapping[str, Exit] = {"known": Exit.ERROR, "valid": Exit.ERROR, "within_budget": Exit.BUDGET}


def conclude(result: CallResult, tool: str, missing: Collection[str], *, as_json: bool) -> int:
    """Prints the result and returns the exit code. Raises Stop for everything but a tool's answer without error.

    `missing` are the servers that could not be reached.
    """
    match result:
        case Denied():
            raise _denied(result, missing)
        case Held():
            raise _held(result)
        case Returned():
            return _returned(tool, result, as_json=as_json)
        case Doubted(why=why) | OutOfBudget(why=why):  # of a client's call they can't come, as things are
            raise Stop(Exit.ERROR, visible(why))


def _denied(event: Denied, missing: Collection[str]) -> Stop:
    unreachable = event.gate == "known" and event.path.partition("/")[0] in missing
    code = Exit.UNREACHABLE if unreachable else _OF_GATE.get(event.gate, Exit.DENIED)
    head = "denied: " if code in (Exit.DENIED, Exit.BUDGET) else ""
    rule = f" [{event.rule}]" if event.rule else ""
    return Stop(code, f"{head}{visible(event.why)}{rule}", {"gate": event.gate, "rule": event.rule})


def _held(event: Held) -> Stop:
    rule = f" [{event.rule}]" if event.rule else ""
    text = (
        f"not called yet, a person must agree: {visible(event.why)}{rule}; after `toolgate approve {event.approval_id}`"
        " give the same command again"
    )
    return Stop(Exit.WAITING, text, {"approval": event.approval_id, "rule": event.rule})


def _returned(tool: str, event: Returned, *, as_json: bool) -> int:
    outcome = outcome_from_json(event.outcome)
    if isinstance(outcome, Answered):
        return _answered(tool, outcome, as_json=as_json)
    code, text = _FAILED[type(outcome)](outcome)
    raise Stop(code, f"{visible(tool)}: {visible(text)}")


_FAILED: Mapping[type[Refused | Unsent | InDoubt], Callable[[Any], tuple[Exit, str]]] = {
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
            click.echo(f"not text: {visible(str(block.get('type')))}; --json has it all", err=True)
    return Exit.OK


def _text(result: JsonObject) -> str:
    """The text of a result; without any, its structured content."""
    texts = [str(block.get("text", "")) for block in _blocks(result) if block.get("type") == "text"]
    structured = result.get("structuredContent")
    return "\n".join(texts) if texts or structured is None else json.dumps(structured)


def _others(result: JsonObject) -> list[JsonObject]:
    return [block for block in _blocks(result) if block.get("type") != "text"]


def _blocks(result: JsonObject) -> list[JsonObject]:
    content = result.get("content")
    return [block for block in content if isinstance(block, Mapping)] if isinstance(content, list) else []


def _shown(text: str) -> str:
    """As it is for a program; for a terminal, without what would steer it."""
    return "\n".join(map(visible, text.split("\n"))) if sys.stdout.isatty() else text
