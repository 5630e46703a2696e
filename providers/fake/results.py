"""What a tool answered, where the wire carries only a text: OpenAI's formats do not say that it was an error. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from providers import ToolResult

__all__ = ["result"]

_MARK = "Error:"  # how a client says it in words, as most do
_REFUSED = ("Denied", "Not executed yet")  # how Toolgate's own refusals begin


def result(call_id: str, content: Sequence[Mapping[str, Any]]) -> ToolResult:
    """`content` are MCP's content blocks. What begins with `Error:` is an error, and is said without that word."""
    first = str(content[0].get("text", "")) if content else ""
    if not first.startswith(_MARK):
        return ToolResult(call_id, content, first.startswith(_REFUSED))
    rest = first.removeprefix(_MARK).lstrip()
    kept = [{**content[0], "text": rest}] if rest else []
    return ToolResult(call_id, [*kept, *content[1:]], is_error=True)
