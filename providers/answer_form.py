"""The form of an answer, asked for in words: for backends that can't be given its JSON Schema, or not all. Pure."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers.request import Request

__all__ = ["in_words", "is_of_object"]

_WORDS = (
    "Your final answer must be one JSON value that fits the JSON Schema below, and nothing else: no words before or"
    " after it, no code fence. Where you have tools, use them first, as you need them."
)
_CHOICES = ("$ref", "anyOf", "oneOf", "allOf", "not", "if", "enum", "const")


def in_words(request: Request) -> Request:
    """The same, with the form asked for at the end of the system's text; as it was if none is asked for."""
    if request.output_schema is None:
        return request
    words = f"{_WORDS}\n{json.dumps(request.output_schema, ensure_ascii=False)}"
    system = f"{request.system}\n\n{words}" if request.system.strip() else words
    return replace(request, system=system, output_schema=None)


def is_of_object(schema: Mapping[str, Any]) -> bool:
    """Whether it is plainly one of an object: backends take no other, and made one it would say something else."""
    return schema.get("type") == "object" and not any(word in schema for word in _CHOICES)
