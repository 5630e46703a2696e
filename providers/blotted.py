"""A whole reply with the secrets blotted out of it. Pure.

What a backend signed goes back to it byte for byte, or not at all: where anything had to be blotted, the marks that the
backend put on this message (signatures, sealed items, ids) are dropped, all of them, as if another backend had said it.
A signature of a text that was changed would be refused, and so would an item without the one that it refers to.

Nor is a call made that the model did not write: one in whose name, id or arguments something had to be blotted has
`NO_ARGUMENTS` in place of its own. They are no JSON, so every tool refuses them, and the model is told.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from providers.blotting import HIDDEN, Blotter, Pieces
from providers.message import Message, Opaque, Part, Text, Thinking, ToolCall
from providers.reply import Reply

__all__ = ["NO_ARGUMENTS", "blotted"]

NO_ARGUMENTS = f"{HIDDEN} (this call held a secret, and is not made)"


def blotted(reply: Reply, blotter: Blotter) -> Reply:
    """The very same reply, if there is no secret in it."""
    message = reply.message
    parts = _over_parts(_over_parts([_part(part, blotter) for part in message.parts], Text, blotter), Thinking, blotter)
    if parts != list(message.parts) or any(_holds(part.meta, blotter) for part in parts):
        kept = tuple(replace(part, meta={}) for part in parts if not isinstance(part, Opaque))
        reply = replace(reply, message=Message(message.role, kept))
    model, response_id, reason = map(blotter.blotted, (reply.model, reply.response_id, reply.reason))
    return replace(reply, model=model, response_id=response_id, reason=reason)


def _part(part: Part, blotter: Blotter) -> Part:
    match part:
        case Text() | Thinking():
            return replace(part, text=blotter.blotted(part.text))
        case ToolCall():
            given, name = blotter.blotted(part.id), blotter.blotted(part.name)
            whole = (given, name) == (part.id, part.name) and not _argued(part.arguments, blotter)
            return part if whole else replace(part, id=given, name=name, arguments=NO_ARGUMENTS)
        case _:
            return part


def _over_parts(parts: Sequence[Part], kind: type[Text] | type[Thinking], blotter: Blotter) -> list[Part]:
    """The parts, of which no two of this kind make a secret together."""
    texts = [part.text for part in parts if isinstance(part, kind)]
    if not blotter.holds("".join(texts)):
        return list(parts)
    pieces = Pieces(blotter)
    told = [pieces.more(text) for text in texts]
    told[-1] += pieces.rest()
    left = iter(told)
    return [replace(part, text=next(left)) if isinstance(part, kind) else part for part in parts]


def _argued(arguments: str, blotter: Blotter) -> bool:
    """Whether a secret is in there, also in JSON's escapes: a tool would be given what they mean."""
    if blotter.holds(arguments) or "\\" not in arguments:
        return blotter.holds(arguments)
    try:
        return _holds(json.loads(arguments), blotter)
    except (ValueError, RecursionError):
        return False


def _holds(value: Any, blotter: Blotter) -> bool:
    match value:
        case str():
            return blotter.holds(value)
        case Mapping():
            return any(blotter.holds(name) or _holds(item, blotter) for name, item in value.items())
        case list() | tuple():
            return any(_holds(item, blotter) for item in value)
        case _:
            return False
