"""A YAML or JSON file as nodes that know where they stand, and a strict way to read them. Pure.

Scalars mean what they mean in JSON (YAML 1.2's core schema, nearly): `no` is a text and not False, `1e3` is a number,
a date is a text. A key that stands twice or that nobody knows is an error.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import yaml

__all__ = [
    "Node",
    "ScriptError",
    "Where",
    "composed",
    "fields",
    "fields_of",
    "flag",
    "is_list",
    "items",
    "number",
    "one_of",
    "plain",
    "refused",
    "text_of",
    "where",
    "whole",
]

Node = yaml.nodes.Node


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file. `line` and `column` count from 1; 0 means the whole file."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class ScriptError(ValueError):
    """A script that can't be played: what is wrong and where, and what to write instead."""

    def __init__(self, place: Where, message: str) -> None:
        self.file, self.line, self.column, self.message = place.file, place.line, place.column, message
        super().__init__(f"{place}: {message}")


def _tag(name: str) -> str:
    return f"tag:yaml.org,2002:{name}"


class _Loader(yaml.SafeLoader):
    """YAML whose plain scalars are JSON's."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way to say so


for _name, _pattern, _first in (
    ("null", r"(?:null|~|)$", ("n", "~", "")),
    ("bool", r"(?:true|false)$", ("t", "f")),
    ("int", r"-?(?:0|[1-9][0-9]*)$", tuple("-0123456789")),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$", tuple("-0123456789")),
):
    _Loader.add_implicit_resolver(_tag(_name), re.compile(_pattern), _first)


def _joined(text: str) -> str:
    """JSON writes what lies beyond U+FFFF as two escapes (RFC 8259 section 7); YAML reads them as two characters."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16")


_SCALARS: Mapping[str, Any] = {
    _tag("null"): lambda _: None,
    _tag("bool"): lambda text: text == "true",
    _tag("int"): int,
    _tag("float"): float,
    _tag("str"): _joined,
}


def composed(text: str, file: str) -> Node:
    """The file's root node. Raises ScriptError for what is neither YAML nor JSON, and for an empty file."""
    try:
        loader = _Loader(text)
        loader.name = file
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Where(file, mark.line + 1, mark.column + 1) if mark else Where(file, 0, 0)
        raise ScriptError(place, f"this is not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ScriptError(Where(file, 0, 0), f"this is not YAML: {error}") from None
    if node is None:
        raise ScriptError(Where(file, 0, 0), "the script is empty; it needs `steps:`")
    return node


def where(node: Node) -> Where:
    return Where(node.start_mark.name, node.start_mark.line + 1, node.start_mark.column + 1)


def refused(node: Node, message: str) -> ScriptError:
    """An error about a node, to be raised."""
    return ScriptError(where(node), message)


def is_list(node: Node) -> bool:
    return isinstance(node, yaml.SequenceNode)


def fields_of(node: Node) -> dict[str, Node]:
    """A mapping's values by key. Raises ScriptError for anything else, and for a key that stands twice."""
    if not isinstance(node, yaml.MappingNode):
        raise refused(node, f"expected keys with values, found {_shown(node)}")
    found: dict[str, Node] = {}
    for key, value in node.value:
        name = text_of(key)
        if name in found:
            raise refused(key, f"`{name}` stands here twice")
        found[name] = value
    return found


def fields(node: Node, known: Collection[str]) -> dict[str, Node]:
    """The same, for a mapping whose keys are known. Raises ScriptError for others, with the nearest known one."""
    found = fields_of(node)
    for key, _ in node.value:
        one_of(key, key.value, known, "key")
    return found


def items(node: Node) -> list[Node]:
    """A list's nodes; anything else counts as a list of one."""
    return list(node.value) if isinstance(node, yaml.SequenceNode) else [node]


def one_of(node: Node, name: str, known: Collection[str], kind: str) -> str:
    """The name itself. Raises ScriptError with the nearest known one if it is unknown."""
    if name not in known:
        near = get_close_matches(name, known, 1)
        advice = (
            f"did you mean `{near[0]}`?" if near else f"known: {', '.join(f'`{other}`' for other in sorted(known))}"
        )
        raise refused(node, f"unknown {kind} `{name}`; {advice}")
    return name


def plain(node: Node) -> Any:
    """The JSON value of a node. Raises ScriptError for what JSON has not (tags, keys that are no text)."""
    if isinstance(node, yaml.MappingNode):
        return {name: plain(value) for name, value in fields_of(node).items()}
    if isinstance(node, yaml.SequenceNode):
        return [plain(item) for item in node.value]
    if node.tag not in _SCALARS:
        raise refused(node, f"the tag `{node.tag}` is not JSON's; put the text into quotes")
    try:
        return _SCALARS[node.tag](node.value)
    except UnicodeDecodeError:
        raise refused(node, "a lone surrogate is not a character") from None


def text_of(node: Node) -> str:
    """A text. Raises ScriptError for anything else, numbers included."""
    value = plain(node)
    if not isinstance(value, str):
        raise refused(node, f"expected a text, found {_shown(node)}; put it into quotes")
    return value


def flag(node: Node) -> bool:
    value = plain(node)
    if not isinstance(value, bool):
        raise refused(node, f"expected true or false, found {_shown(node)}")
    return value


def whole(node: Node, least: int = 0) -> int:
    """A whole number of `least` or more."""
    value = plain(node)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise refused(node, f"expected a whole number from {least}, found {_shown(node)}")
    return value


def number(node: Node) -> float:
    """A number of 0 or more."""
    value = plain(node)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < float("inf"):
        raise refused(node, f"expected a number from 0, found {_shown(node)}")
    return value


def _shown(node: Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "keys with values"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return f"`{node.value}`" if node.value else "nothing"
