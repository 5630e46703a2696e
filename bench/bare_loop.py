"""What an agent loop is without a runtime: forty lines, and nothing left of it when the process dies."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from bench.tiny_model import TOOL_RESULT
from providers import Finished, Message, Provider, Reply, Request, ToolCall, ToolResult, message_to_json

__all__ = ["bare_loop", "commits"]

Keep = Callable[[Any], None]


async def bare_loop(model: Provider, keep: Keep) -> None:
    """Asks, calls, asks again, until the model wants nothing more. `keep` gets each reply and each result."""
    messages: list[Message] = []
    while True:
        reply = await _asked(model, Request("tiny-1", "Help.", tuple(messages)))
        keep(message_to_json(reply.message))
        if not reply.message.tool_calls:
            return
        results = tuple(_called(wish) for wish in reply.message.tool_calls)
        keep([message_to_json(Message("tool", (result,))) for result in results])
        messages += [reply.message, Message("tool", results)]


async def _asked(model: Provider, request: Request) -> Reply:
    async with aclosing(model.stream(request)) as events:
        async for event in events:
            if isinstance(event, Finished):
                return event.reply
    raise RuntimeError("the reply was cut")


def _called(wish: ToolCall) -> ToolResult:
    json.loads(wish.arguments)
    return ToolResult(wish.id, TOOL_RESULT["content"])


def commits(path: Path) -> Keep:
    """Keeps each step in a commit of its own, synchronous normal."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = normal")
    db.execute("CREATE TABLE steps (seq INTEGER PRIMARY KEY, body TEXT)")

    def keep(step: Any) -> None:
        db.execute("INSERT INTO steps (body) VALUES (?)", (json.dumps(step),))

    return keep
