"""What OpenAI's two formats have in common: which rules hold for which models, errors, names of tools. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from providers import File, Image
from providers.fake.checks import SCHEMA, Refused, Text, fit
from providers.fake.wire import Complaint

__all__ = ["NAME", "WORDS", "error", "error_fields", "file", "image", "owned", "strictly", "thinks"]

NAME = Text(r"[a-zA-Z0-9_-]+", least=1, most=64)
WORDS = re.compile(r"\S*\s+|\S+")  # how a text comes

_OWN = re.compile(r"(?:gpt-|o\d|chatgpt-)")
_EARLIER = re.compile(r"(?:gpt-[34]|chatgpt-)")

_ERRORS: Mapping[str, tuple[str, str | None]] = {
    "invalid": ("invalid_request_error", None),
    "auth": ("invalid_request_error", "invalid_api_key"),
    "permission": ("invalid_request_error", "unsupported_country_region_territory"),
    "not_found": ("invalid_request_error", "model_not_found"),
    "too_large": ("invalid_request_error", "context_length_exceeded"),
    "rate_limit": ("rate_limit_error", "rate_limit_exceeded"),
    "overloaded": ("server_error", "overloaded"),
    "server": ("server_error", "server_error"),
}


def image(url: str) -> Image:
    """A picture at a URL, or in it."""
    kind, comma, data = url.removeprefix("data:").partition(";base64,")
    return Image(kind, data) if comma and url.startswith("data:") else Image("", url=url)


def file(said: Mapping[str, Any]) -> File:
    kind, _, data = str(said.get("file_data", "")).removeprefix("data:").partition(";base64,")
    return File(said.get("filename", ""), kind, data)


def owned(model: str) -> bool:
    """Whether a model is named as OpenAI's own are. The others are spoken to as compatible servers are."""
    return bool(_OWN.match(model))


def thinks(model: str) -> bool:
    """Whether it is one of OpenAI's own that think: those refuse what their forerunners took."""
    return owned(model) and not _EARLIER.match(model)


def error_fields(complaint: Complaint) -> tuple[str, str | None]:
    """The API's `type` and `code`; a type that somebody asked for has no code of ours."""
    if complaint.type is not None:
        return complaint.type, complaint.code
    kind, code = _ERRORS[complaint.kind]
    return kind, complaint.code or code


def error(complaint: Complaint, _request_id: str) -> Mapping[str, Any]:
    kind, code = error_fields(complaint)
    return {"error": {"message": complaint.message, "type": kind, "param": complaint.param, "code": code}}


def strictly(name: str, schema: Any, path: tuple[str | int, ...]) -> None:
    """Raises Refused for a schema that strict mode does not take (structured outputs, supported schemas)."""
    for context, part in _objects(schema, ()):
        where = f"Invalid schema for function '{name}': In context={context}"
        fit(part, SCHEMA, path)
        if part.get("additionalProperties") is not False:
            sentence = f"{where}, 'additionalProperties' is required to be supplied and to be false."
            raise Refused(path, "rule", sentence, "invalid_function_parameters")
        missing = sorted(set(part.get("properties", {})) - set(part.get("required", ())))
        if missing:
            sentence = (
                f"{where}, 'required' is required to be supplied and to be an array including every key in "
                f"properties. Missing '{missing[0]}'."
            )
            raise Refused(path, "rule", sentence, "invalid_function_parameters")
    for word in ("oneOf", "allOf", "not", "if", "patternProperties", "prefixItems"):
        if _holds(schema, word):
            sentence = f"Invalid schema for function '{name}': In context=(), '{word}' is not permitted."
            raise Refused(path, "rule", sentence, "invalid_function_parameters")


def _objects(schema: Any, context: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every schema of an object, with the path that leads to it."""
    if isinstance(schema, list):
        yield from (found for at, item in enumerate(schema) for found in _objects(item, (*context, str(at))))
    if not isinstance(schema, dict):
        return
    if "object" in (schema.get("type"), *(schema["type"] if isinstance(schema.get("type"), list) else ())):
        yield context, schema
    for name, item in schema.items():
        inner = item.items() if name in ("properties", "$defs") and isinstance(item, dict) else ()
        yield from (found for key, value in inner for found in _objects(value, (*context, name, key)))
        if name in ("items", "anyOf"):
            yield from _objects(item, (*context, name))


def _holds(schema: Any, word: str) -> bool:
    if isinstance(schema, list):
        return any(_holds(item, word) for item in schema)
    if not isinstance(schema, dict):
        return False
    inner = [*schema.get("properties", {}).values()] if isinstance(schema.get("properties"), dict) else []
    others = [item for name, item in schema.items() if name not in ("properties", "enum", "const", "default")]
    return word in schema or any(_holds(item, word) for item in [*inner, *others])
