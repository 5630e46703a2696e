"""Text and arguments that can be sent: valid Unicode, and JSON that any parser takes. Pure."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["arguments_of", "clean", "clean_json", "name_of", "parsed", "written"]

_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # half a character, written as JSON does
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


def clean(text: str) -> str:
    """The text, with halves of characters (lone surrogates) replaced: they can't be sent."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def clean_json(value: Any) -> Any:
    """A JSON value whose texts are all clean."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(name): clean_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(item) for item in value]
    return value


def parsed(arguments: str) -> dict[str, Any] | None:
    """Arguments as an object; None if they are none, or hold what JSON has no word for. Nothing at all is `{}`."""
    try:
        value = json.loads(arguments, parse_constant=_refused, parse_float=_finite) if arguments.strip() else {}
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def arguments_of(arguments: str) -> dict[str, Any]:
    """Arguments as the object that a backend is shown. Those that are none are shown as what they were."""
    value = parsed(arguments)
    if value is None:
        return {"malformed_arguments": clean(arguments)}
    return clean_json(value) if _HALF.search(arguments) or not _whole(arguments) else value


def written(arguments: str) -> str:
    """Arguments as the JSON text of an object that a backend is shown: as the model wrote them, if they are one."""
    if parsed(arguments) is not None and _whole(arguments):
        return arguments if arguments.strip() else "{}"
    return json.dumps(arguments_of(arguments), ensure_ascii=False)


def name_of(name: str) -> str:
    """A tool's name as every backend takes it: a model may have made one up."""
    return _NOT_IN_NAMES.sub("_", name)[:64] or "unknown"


def _whole(text: str) -> bool:
    return clean(text) is text


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(text)
    return value


def _refused(constant: str) -> None:
    raise ValueError(constant)
