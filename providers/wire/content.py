"""What a tool returned (MCP content blocks), as the parts that a backend can be shown. Pure.

What a backend does not take is described in words: the model must know that there was something.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from providers.message import File, Image, Text, ToolResult
from providers.wire.text import clean

__all__ = ["IMAGES", "Piece", "described", "in_words", "pieces", "shown", "text_of", "texts"]

Piece = Text | Image | File

IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})  # what all backends with eyes take
_TEXTS = ("text/", "application/json", "application/xml", "application/yaml")


def pieces(result: ToolResult) -> list[Piece]:
    """The blocks of a result as parts, in their order. Nothing at all is one empty text."""
    found = [piece for block in result.content for piece in _pieces(block)]
    structured = result.meta.get("structuredContent")
    if not found and structured is not None:
        found = [Text(json.dumps(structured, ensure_ascii=False))]
    return found or [Text("")]


def shown(piece: Piece, images: frozenset[str], files: frozenset[str]) -> Piece:
    """The piece, if its type is among those that a backend takes; text of a file as text; else what it is, in words."""
    if isinstance(piece, Text):
        return piece
    if isinstance(piece, Image):
        there = piece.data or piece.url.startswith(("https://", "http://"))
        return piece if there and piece.media_type in images else Text(described(piece))
    if piece.data and piece.media_type in files:
        return piece
    text = text_of(piece)
    return Text(described(piece) if text is None else f"{piece.name}:\n{text}")


def described(piece: Image | File) -> str:
    """`(image, image/tiff, 12.3 kB: it can't be shown)`."""
    what = "image" if isinstance(piece, Image) else f"file `{piece.name}`"
    return f"({what}, {piece.media_type or 'of unknown type'}{_place(piece)}: it can't be shown)"


def _place(piece: Image | File) -> str:
    if piece.data:
        return f", {len(piece.data) * 3 / 4000:.1f} kB"
    return f", at {piece.url}" if isinstance(piece, Image) and piece.url else ""


def in_words(result: ToolResult) -> str:
    """A result as text alone."""
    return "\n".join(piece.text if isinstance(piece, Text) else described(piece) for piece in pieces(result))


def text_of(file: File) -> str | None:
    """What a file says, if it is text."""
    if not file.media_type.startswith(_TEXTS):
        return None
    try:
        return base64.b64decode(file.data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _pieces(block: Mapping[str, Any]) -> Iterator[Piece]:
    kind = block.get("type")
    if kind == "text":
        yield Text(str(block.get("text", "")))
    elif kind == "image":
        yield Image(str(block.get("mimeType", "")), str(block.get("data", "")))
    elif kind == "resource" and isinstance(block.get("resource"), Mapping):
        yield _resource(block["resource"])
    elif kind == "resource_link":
        yield Text(_link(block))
    else:
        size = f", {len(str(block['data'])) * 3 / 4000:.1f} kB" if block.get("data") else ""
        yield Text(f"({kind or 'content'}, {block.get('mimeType', 'of unknown type')}{size}: it can't be shown)")


def _resource(resource: Mapping[str, Any]) -> Piece:
    uri, media_type = str(resource.get("uri", "")), str(resource.get("mimeType", ""))
    if "text" in resource:
        return Text(f"{uri}:\n{resource['text']}" if uri else str(resource["text"]))
    if media_type in IMAGES:
        return Image(media_type, str(resource.get("blob", "")))
    return File(uri.rpartition("/")[2] or "file", media_type, str(resource.get("blob", "")))


def _link(block: Mapping[str, Any]) -> str:
    about = [str(block[name]) for name in ("title", "description", "mimeType") if block.get(name)]
    told = f" ({', '.join(about)})" if about else ""
    return f"(resource `{block.get('name', '')}` at {block.get('uri', '')}{told})"


def texts(found: Sequence[Piece]) -> str:
    """The texts among the pieces, one under the other."""
    return "\n".join(clean(piece.text) for piece in found if isinstance(piece, Text))
