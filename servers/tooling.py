"""What a bundled server and its tools are made of. Pure: no MCP, no I/O.

Parameters are a flat table of JSON Schemas, of which this module understands as much as the bundled servers use:
`type` (string, integer, number), `minimum`, `maximum`, `minLength`, `maxLength`, `default`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Answer", "Asked", "Hints", "Program", "Schema", "ServedTool", "ToolFailed", "fit"]

Schema = Mapping[str, Any]

_SHOWN = 60  # characters of a refused value that an error repeats


class ToolFailed(Exception):
    """A tool could not do what was asked. The text is for the model: what is wrong, and what to do."""


@dataclass(frozen=True, slots=True)
class Hints:
    """MCP's tool annotations: promises that a gateway may build on when its admin trusts the server."""

    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: arguments that fit the tool's schema with defaults filled in, and the caller's idempotency key."""

    arguments: Mapping[str, Any]
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A tool's result. `text` replaces its JSON where plain text reads better; `held_back` delays it, in seconds."""

    value: Mapping[str, Any]
    text: str | None = None
    held_back: float = 0.0


@dataclass(frozen=True, slots=True)
class ServedTool:
    """One tool. A parameter is required unless its schema has a `default`. `run` is called in a worker thread."""

    name: str
    title: str
    description: str
    parameters: Mapping[str, Schema]
    output: Mapping[str, Schema]
    hints: Hints
    run: Callable[[Asked], Answer]

    @property
    def input_schema(self) -> dict[str, Any]:
        required = [name for name, schema in self.parameters.items() if "default" not in schema]
        return _object(self.parameters, required)

    @property
    def output_schema(self) -> dict[str, Any]:
        return _object(self.output, list(self.output))


@dataclass(frozen=True, slots=True)
class Program:
    """One MCP server: what it calls itself, what it tells models about itself, and its tools."""

    name: str
    version: str
    instructions: str
    tools: Sequence[ServedTool]


def _object(properties: Mapping[str, Schema], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": required, "additionalProperties": False}


def fit(tool: ServedTool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with defaults filled in. Raises ToolFailed for the first one that is missing, unknown or unfit."""
    for name in arguments:
        if name not in tool.parameters:
            raise ToolFailed(f"`{tool.name}` has no parameter `{name}`; it has {_listed(tool)}")
    for name, schema in tool.parameters.items():
        if name not in arguments and "default" not in schema:
            raise ToolFailed(f"`{tool.name}` needs `{name}`, {_wanted(schema)}")
    return {
        name: _checked(name, arguments.get(name, schema.get("default")), schema)
        for name, schema in tool.parameters.items()
    }


def _listed(tool: ServedTool) -> str:
    return ", ".join(f"`{name}`" for name in tool.parameters) or "none"


def _checked(name: str, value: Any, schema: Schema) -> Any:
    if isinstance(value, float) and value.is_integer() and schema["type"] == "integer":
        value = int(value)  # JSON Schema 2020-12, section 6.1.1: 2.0 is an integer
    if not (_is_a(value, schema["type"]) and _is_within(value, schema)):
        shown = repr(value)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        raise ToolFailed(f"`{name}` must be {_wanted(schema)}, not `{shown}`")
    return value


_TYPES: Final[Mapping[str, tuple[type, ...]]] = {"string": (str,), "integer": (int,), "number": (int, float)}


def _is_a(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and not isinstance(value, bool)


def _is_within(value: Any, schema: Schema) -> bool:
    if isinstance(value, str):
        return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", float("inf")))
    return bool(
        schema.get("minimum", float("-inf")) <= value <= schema.get("maximum", float("inf"))
    )  # NaN is in no range


_BOUNDS: Final[Mapping[str, str]] = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
}


def _wanted(schema: Schema) -> str:
    article = "an" if schema["type"] == "integer" else "a"
    bounds = [text.format(schema[key]) for key, text in _BOUNDS.items() if key in schema]
    return ", ".join([f"{article} {schema['type']}", *bounds])
