"""What a tool answered, where the wire carries only a text: OpenAI's formats do not say that it was an error. Pure."""

from providers import ToolResult

__all__ = ["result"]

# How a client says it in words. (Toolgate's own refusals begin with the first two.)
_ERRORS = ("Denied", "Not executed yet", "Error")


def result(call_id: str, text: str) -> ToolResult:
    return ToolResult(call_id, [{"type": "text", "text": text}], text.startswith(_ERRORS))
