"""Starts one bundled server, as fast as importing `mcp` allows.

That import is nearly all of the time until the first answer, so it happens after the flags have been read and with the
garbage collector paused: it makes objects by the hundred thousand, of which next to none is garbage.
"""

import gc
from collections.abc import Sequence
from dataclasses import dataclass

from servers.tooling import ServedTool

__all__ = ["Program", "start"]


@dataclass(frozen=True, slots=True)
class Program:
    """One MCP server: what it calls itself, what it tells models about itself, and its tools."""

    name: str
    version: str
    instructions: str
    tools: Sequence[ServedTool]


def start(program: Program) -> None:
    """Serves on stdin and stdout until stdin ends or the process is interrupted."""
    gc.disable()
    from servers.serving import serve

    gc.freeze()
    gc.enable()
    serve(program)
