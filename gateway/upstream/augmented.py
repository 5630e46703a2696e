"""A call that its server makes as a task and not otherwise (MCP 2025-11-25: `execution.taskSupport` is `required`).

To its client it is a call like all others: we wait for the task's result, within the call's own time. What the server
says and asks meanwhile comes as it does of other calls. A task that nobody waits for any more is called off.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

from mcp.shared.exceptions import MCPError

from gateway.call import JsonObject, Tool
from gateway.shielded import shielded
from gateway.task import only_as_task
from gateway.upstream.outcomes import MOST_NAME, transport_error
from gateway.upstream.wanted import Wanted

__all__ = ["augmented", "result_of"]

Ask = Callable[[str, JsonObject], Coroutine[Any, Any, Any]]


def augmented(wanted: Wanted, tool: Tool | None, timeout: float) -> Wanted:
    """The request as its tool takes it: `timeout` seconds are what its task may live."""
    if tool is None or not only_as_task(tool.definition):
        return wanted
    return replace(wanted.with_member("task", {"ttl": round(timeout * 1000)}), as_task=True)


async def result_of(answer: Any, ask: Ask, cancel: Ask) -> Any:
    """The result of the task that an answer is, when it has come to its end; the answer itself, if it is none. Raises
    MCPError.
    """
    task = answer.get("task") if isinstance(answer, Mapping) else None
    if not isinstance(task, Mapping):
        return answer
    name = task.get("taskId")
    if not isinstance(name, str) or not 0 < len(name) <= MOST_NAME:
        error = transport_error("in_doubt", "it made a task of it, and gave it no usable `taskId`")
        raise MCPError.from_error_data(error)
    try:
        return await ask("tasks/result", {"taskId": name})
    except asyncio.CancelledError:
        with contextlib.suppress(MCPError, TimeoutError):
            await shielded(cancel("tasks/cancel", {"taskId": name}))
        raise
