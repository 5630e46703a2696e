"""What an input schema says of one path below the arguments: `amount`, `items[0].price`. Pure.

When in doubt, anything is possible: nothing is reported that a server might accept after all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.call import Tool

__all__ = ["ANY", "Place", "Places", "place_in"]

Schema = Mapping[str, Any]

ANY = frozenset({"string", "number", "boolean", "null", "array", "object"})
_DEEPEST = 20  # references to follow


@dataclass(frozen=True, slots=True)
class Place:
    """`types` it may have (`integer` is a `number`), `values` if they are listed, `items` of an array.

    `absent`: the schema names its properties, and this is none. `lacks` is then the step that is missing, and
    `siblings` what there is in its place.
    """

    types: frozenset[str] = ANY
    values: tuple[Any, ...] | None = None
    items: "Place | None" = None
    absent: bool = False
    lacks: str | int = ""
    siblings: tuple[str, ...] = ()


class Places:
    """Those of tools, each found once: many lines ask for the same."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, tuple[str | int, ...]], Place] = {}

    def of(self, tool: Tool, steps: tuple[str | int, ...]) -> Place:
        key = (tool.path, steps)
        if key not in self._found:
            self._found[key] = place_in(tool.input_schema, steps)
        return self._found[key]


def place_in(schema: Schema, steps: Sequence[str | int]) -> Place:
    """Where the steps lead to."""
    here = [schema]
    for step in steps:
        branches = [branch for one in here for branch in _branches(schema, one)]
        nexts = [_step(branch, step) for branch in branches]
        here = [found for found in nexts if isinstance(found, Mapping)]
        if any(found is None for found in nexts):
            return Place()
        if not here:
            siblings = tuple(name for branch in branches for name in _properties(branch))
            return Place(absent=True, lacks=step, siblings=siblings)
    return _place(schema, here)


def _place(root: Schema, here: Sequence[Schema]) -> Place:
    branches = [branch for one in here for branch in _branches(root, one)]
    types = frozenset(kind for branch in branches for kind in _types(branch))
    listed = [_values(branch) for branch in branches]
    values = None if None in listed else tuple(value for found in listed if found for value in found)
    items = [branch["items"] for branch in branches if isinstance(branch.get("items"), Mapping)]
    arrays = [branch for branch in branches if "array" in _types(branch)]
    of_items = _place(root, items) if items and len(items) == len(arrays) and _flat(root, items) else None
    return Place(types, values, of_items)


def _flat(root: Schema, items: Sequence[Schema]) -> bool:
    """Not a schema that holds itself."""
    return all(branch.get("items") is None for one in items for branch in _branches(root, one))


def _branches(root: Schema, schema: Schema, depth: int = 0) -> Iterator[Schema]:
    """The alternatives of a schema, each with what stands beside them; references followed."""
    if depth > _DEEPEST:
        yield {}
        return
    if isinstance(reference := schema.get("$ref"), str):
        yield from _branches(root, _resolved(root, reference), depth + 1)
        return
    for word in ("anyOf", "oneOf"):
        if isinstance(choices := schema.get(word), list):
            beside = {key: value for key, value in schema.items() if key != word}
            for choice in choices:
                yield from _branches(root, {**beside, **choice} if isinstance(choice, Mapping) else {}, depth + 1)
            return
    yield {} if "allOf" in schema else schema


def _resolved(root: Schema, reference: str) -> Schema:
    """A local reference; anything else may be anything."""
    at: Any = root
    if not reference.startswith("#"):
        return {}
    for step in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
        at = at.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(at, Mapping) else None
    return at if isinstance(at, Mapping) else {}


def _step(branch: Schema, step: str | int) -> Schema | bool | None:
    """The schema of what the step leads to; None: it may be anything; False: nothing is there."""
    if isinstance(step, int):
        return _item(branch)
    properties = _properties(branch)
    if step in properties:
        found = properties[step]
        return found if isinstance(found, Mapping) else None
    if "object" not in _types(branch):
        return False
    others = branch.get("additionalProperties")
    if isinstance(others, Mapping) and others:
        return others
    open_ended = not properties and others is not False
    return None if open_ended or "patternProperties" in branch else False


def _item(branch: Schema) -> Schema | bool | None:
    if "array" not in _types(branch):
        return False
    items = branch.get("items")
    return items if isinstance(items, Mapping) and "prefixItems" not in branch else None


def _properties(branch: Schema) -> Mapping[str, Any]:
    found = branch.get("properties")
    return found if isinstance(found, Mapping) else {}


def _types(branch: Schema) -> frozenset[str]:
    said = branch.get("type")
    if said is None and (values := _values(branch)) is not None:
        return frozenset(_type_of(value) for value in values)
    named = [said] if isinstance(said, str) else said if isinstance(said, list) else sorted(ANY)
    return frozenset("number" if kind == "integer" else str(kind) for kind in named)


def _values(branch: Schema) -> tuple[Any, ...] | None:
    if "const" in branch:
        return (branch["const"],)
    found = branch.get("enum")
    return tuple(found) if isinstance(found, list) else None


def _type_of(value: Any) -> str:
    kinds = ((bool, "boolean"), (int | float, "number"), (str, "string"), (list, "array"), (Mapping, "object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")
