"""Whether what a schema refers to is there, and comes to an end: else no value can be held against it. Pure.

No reference leads to the network or to a file: it is looked up in the schema itself, and among the standard's own.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, specification_with

__all__ = ["REFERENCES", "misled", "resolver_of"]

REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
MOST = 10_000  # schemas that one place of a value may have to meet
_SHOWN = 80


class _Misled(Exception):
    """Its text is what is wrong."""


def misled(schema: Mapping[str, Any], registry: Any, take: Callable[[], None]) -> str | None:
    """What is wrong with its references, in words that follow `the schema`; None if nothing is. `take` is called for
    each step, and may raise.
    """
    dialect = _dialect(schema)
    look = _Look(dialect, take)
    try:
        look.through(dialect.create_resource(schema), resolver_of(schema, registry))
        look.measure()
    except _Misled as found:
        return str(found)
    except RecursionError:
        return "refers to itself without end"
    return None


def resolver_of(schema: Mapping[str, Any], registry: Any) -> Any:
    """Looks references up. It has gone through the schema: one that has not does so again for each name that is not a
    path, and ten milliseconds for each of sixty references are no bounded time.
    """
    root = _dialect(schema).create_resource(schema)
    return registry.with_resource(base := root.id() or "", root).crawl().resolver(base)


def _dialect(schema: Mapping[str, Any]) -> Any:
    named = schema.get("$schema")
    return specification_with(named, default=DRAFT202012) if isinstance(named, str) else DRAFT202012


class _Look:
    """`_held` has each schema, by its identity, with those that a value must meet at the same place, too."""

    def __init__(self, dialect: Any, take: Callable[[], None]) -> None:
        self._dialect, self._take = dialect, take
        self._held: dict[int, list[Any]] = {}
        self._known: dict[int, int] = {}

    def through(self, root: Any, resolver: Any) -> None:
        """Every schema in it, and every one that it refers to."""
        todo = [(root, resolver)]
        while todo:
            resource, resolver = todo.pop()
            schema = resource.contents
            if not isinstance(schema, Mapping) or id(schema) in self._held:
                continue
            self._take()
            found = {name: self._target(schema[name], resolver) for name in REFERENCES if name in schema}
            held = self._held[id(schema)] = list(_beside(schema))
            for name, target in found.items():
                todo.append((self._dialect.create_resource(target.contents), target.resolver))
                if name == "$ref":  # the others mean what the value has come through
                    held.append(target.contents)
            todo += [(part, resolver.in_subresource(part)) for part in resource.subresources()]

    def _target(self, reference: Any, resolver: Any) -> Any:
        try:
            return resolver.lookup(reference)
        except Unresolvable:
            raise _Misled(f"refers to `{str(reference)[:_SHOWN]}`, which is not in it") from None

    def measure(self) -> None:
        for schema in list(self._held):
            self._most(schema)

    def _most(self, schema: int) -> int:
        """How many schemas a value there has to meet at the most."""
        known = self._known.get(schema)
        if known is not None:
            if not known:
                raise _Misled("refers to itself without end")
            return known
        self._take()
        self._known[schema] = 0  # under way
        found = 1 + sum(self._most(id(part)) for part in self._held.get(schema, ()))
        if found > MOST:
            raise _Misled("takes too many steps to check")
        self._known[schema] = found
        return found


def _beside(schema: Mapping[str, Any]) -> Iterator[Any]:
    for name in ("allOf", "anyOf", "oneOf"):
        parts = schema.get(name)
        yield from parts if isinstance(parts, list) else ()
    yield from (schema[name] for name in ("not", "if", "then", "else") if name in schema)
    parts = schema.get("dependentSchemas")
    yield from parts.values() if isinstance(parts, Mapping) else ()
