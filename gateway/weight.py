"""How much a message is for a model, in bytes. Pure.

The bytes of its JSON, without blanks; but a picture costs what a picture costs, however long its base64 is.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.verbatim import encode

__all__ = ["PICTURE", "weight"]

PICTURE = 4800  # bytes: about 1,600 tokens, the most that the usual models count for one

_PICTURES = ("image", "audio")
_OBJECTS = (dict, Mapping)  # in this order: nearly all are plain ones, which is told at a glance


def weight(message: Mapping[str, Any]) -> int:
    """Of a `providers.Message` as JSON."""
    return len(encode(message)) - sum(max(0, len(data) - PICTURE) for data in _data(message))


def _data(message: Mapping[str, Any]) -> Iterator[str]:
    """The base64 of each picture in it."""
    for part in message["parts"]:
        blocks = part.get("content", ()) if part["kind"] == "tool_result" else [{**part, "type": part["kind"]}]
        for block in blocks:
            data = block.get("data") if isinstance(block, _OBJECTS) and block.get("type") in _PICTURES else None
            if isinstance(data, str):
                yield data
