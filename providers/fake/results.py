"""What a tool answered, where the wire carries only a text: OpenAI's formats do not say that it was an error. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from providers import ToolResult

__all__ = ["result"]

# How a client says it in words. (Toolgate's own refusals begin with the first two.)
_ERRORS = ("Denied", "Not executed yet", "Error")


def result(call_id: str, content: Sequence[Mapping[str, Any]]) -> ToolResult:
    """`content` are MCP's content blocks."""
    said = "".join(block.get("text", "") for block in content)
    return ToolResult(call_id, content, said.startswith(_ERRORS))
