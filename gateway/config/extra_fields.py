"""Fields of an endpoint's own in the bodies of requests: `extra` of `[endpoints.NAME]`. Pure.

What our own request says is said in one place only: by `[models]`, by `[agents]`, by the run. And nothing may go round
the gateway: no tools that the backend calls by itself at our word, no conversation that is kept on its side.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

__all__ = ["ExtraFields", "misplaced"]

_CHAT = (
    "model messages stream stream_options max_tokens max_completion_tokens stop tools tool_choice parallel_tool_calls"
    " response_format reasoning_effort prompt_cache_key"
)
_RESPONSES = (
    "model input instructions stream store max_output_tokens tools tool_choice parallel_tool_calls include reasoning"
    " text prompt_cache_key"
)
_MESSAGES = "model messages system stream max_tokens stop_sequences tools tool_choice output_config thinking"
_OURS: Mapping[str, frozenset[str]] = {
    "compatible": frozenset(_CHAT.split()),
    "openai": frozenset(_RESPONSES.split()),
    "anthropic": frozenset(_MESSAGES.split()),
}
_ROUND = frozenset(
    {"mcp_servers", "functions", "function_call", "previous_response_id", "conversation", "background", "n"}
)


def misplaced(extra: Mapping[str, Any], language: str) -> Iterator[tuple[str, str]]:
    """Each field that may not be there, and why."""
    for name in extra:
        if name in _OURS[language]:
            yield name, f"the gateway itself says `{name}` in its requests"
        elif name in _ROUND:
            yield name, f"`{name}` would go round the gateway"


def _json(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    return {name: _read(item, str(name)) for name, item in value.items()}


def _read(value: object, name: str) -> object:
    """A value as JSON has it. TOML's numbers with a point come as decimals."""
    match value:
        case Mapping():
            return {key: _read(item, name) for key, item in value.items()}
        case list():
            return [_read(item, name) for item in value]
        case str() | int():
            return value
        case Decimal() | float() if isfinite(value):
            return float(value)
    raise ValueError(f"`{name}` has a value that JSON does not have: dates are texts there, and numbers finite")


ExtraFields = Annotated[Mapping[str, Any], BeforeValidator(_json), WithJsonSchema({"type": "object"})]
