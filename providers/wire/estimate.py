"""Tokens, where a backend does not count them: about as many as there are, rather more than fewer. Pure."""

import json
from dataclasses import replace
from typing import Any

from providers.message import File, Image, Message, Opaque, Part, ToolCall, ToolResult
from providers.reply import Usage
from providers.request import Request

__all__ = ["estimated", "in_full"]

BYTES_A_TOKEN = 3  # on the safe side for most languages, and for JSON
_PICTURE = 1600  # tokens of an image or of a page


def estimated(request: Request, reply: Message) -> Usage:
    """What was read and written, counted in bytes of text and JSON."""
    read = len(request.system.encode(errors="replace")) + sum(_size(message) for message in request.messages)
    read += sum(len(tool.name + tool.description) + len(_json(tool.input_schema)) for tool in request.tools)
    return Usage(input=_tokens(read), output=_tokens(_size(reply)), estimated=True)


def in_full(told: Usage | None, request: Request, reply: Message) -> Usage:
    """The tokens as they were told. Where nothing was told of those written, these are estimated; of any, all are."""
    if told is not None and told.output:
        return told
    guess = estimated(request, reply)
    if told is None or not told.input:
        return guess
    return replace(told, output=guess.output, estimated=guess.output > 0)


def _tokens(size: int) -> int:
    return -(-size // BYTES_A_TOKEN)


def _size(message: Message) -> int:
    return sum(_of_part(part) for part in message.parts)


def _of_part(part: Part) -> int:
    if isinstance(part, Image | File):
        return _PICTURE * BYTES_A_TOKEN
    if isinstance(part, ToolCall):
        return len(part.name) + len(part.arguments.encode(errors="replace"))
    if isinstance(part, ToolResult):
        return sum(_of_block(block) for block in part.content)
    return 0 if isinstance(part, Opaque) else len(part.text.encode(errors="replace"))


def _of_block(block: Any) -> int:
    if isinstance(block, dict) and ("data" in block or "blob" in block.get("resource", ())):
        return _PICTURE * BYTES_A_TOKEN
    return len(_json(block))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
