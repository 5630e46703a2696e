"""`${results[0].order_id}` and `${calls.order.total}` in a script's texts and arguments. Pure.

A text that is one reference and nothing else takes the value's own type; within a longer text a value is written as
text. `$${` stands for a plain `${`.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from providers.scripted.nodes import Node, Where, fields_of, plain, refused, where

__all__ = ["Form", "Path", "Reference", "Template", "compiled", "dig", "filled", "path_of", "references"]

Path = tuple[str | int, ...]
Form = Any  # JSON in which a Template may stand for a text


@dataclass(frozen=True, slots=True)
class Reference:
    """A value of an earlier result: of the last turn by its number, or of any turn by the call's name."""

    call: int | str
    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Template:
    """Texts and references that together make one text."""

    pieces: tuple[str | Reference, ...]
    where: Where


_PIECE = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
_REFERENCE = re.compile(r"(?:results\[(\d+)\]|calls\.([A-Za-z_][\w-]*))((?:\.[\w-]+|\[\d+\])*)")
_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]")


def compiled(node: Node) -> Form:
    """The JSON value of a node, with a Template in place of each text that holds a reference. Raises ScriptError."""
    if isinstance(node, yaml.MappingNode):
        return {name: compiled(value) for name, value in fields_of(node).items()}
    if isinstance(node, yaml.SequenceNode):
        return [compiled(item) for item in node.value]
    value = plain(node)
    return _template(node, value) if isinstance(value, str) and "${" in value else value


def _template(node: Node, text: str) -> Template:
    pieces: list[str | Reference] = []
    end = 0
    for match in _PIECE.finditer(text):
        pieces += [text[end : match.start()], _piece(node, match)]
        end = match.end()
    pieces.append(text[end:])
    return Template(tuple(piece for piece in pieces if piece != ""), where(node))


def _piece(node: Node, match: re.Match[str]) -> str | Reference:
    if match[0] == "$${":
        return "${"
    if match[1] is None:
        raise refused(node, "`${` without its `}`; write `$${` for a plain `${`")
    found = _REFERENCE.fullmatch(match[1])
    if not found:
        raise refused(node, f"`{match[0]}` is no reference; write `${{results[0].field}}` or `${{calls.NAME.field}}`")
    number, name, path = found.groups()
    return Reference(int(number) if name is None else name, path_of(path), match[0])


def path_of(text: str) -> Path:
    """`.items[0].sku` -> (`items`, 0, `sku`). The first dot may be missing."""
    dotted = text if text.startswith((".", "[")) or not text else f".{text}"
    return tuple(name if number == "" else int(number) for name, number in _STEP.findall(dotted))


def references(form: Form) -> Iterator[tuple[Reference, Where]]:
    """Every reference in a form, with the place of its text."""
    if isinstance(form, Template):
        yield from ((piece, form.where) for piece in form.pieces if isinstance(piece, Reference))
    elif isinstance(form, dict | list):
        for item in form.values() if isinstance(form, dict) else form:
            yield from references(item)


def filled(form: Form, look: Callable[[Reference], Any]) -> Any:
    """The form with every reference looked up. Raises what `look` raises."""
    if isinstance(form, dict):
        return {name: filled(value, look) for name, value in form.items()}
    if isinstance(form, list):
        return [filled(item, look) for item in form]
    if not isinstance(form, Template):
        return form
    values = [look(piece) if isinstance(piece, Reference) else piece for piece in form.pieces]
    if len(values) == 1 and isinstance(form.pieces[0], Reference):
        return values[0]
    return "".join(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values)


def dig(value: Any, path: Path) -> Any:
    """The value at a path. Raises LookupError with a text that names the first part that is not there."""
    for part in path:
        fits = isinstance(value, dict if isinstance(part, str) else list)
        if not fits or (part not in value if isinstance(part, str) else part >= len(value)):
            raise LookupError(f"there is no `{part}` in {json.dumps(value, ensure_ascii=False)[:200]}")
        value = value[part]
    return value
