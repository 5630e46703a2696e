"""Tools of one server say the same of their arguments again and again (an `owner`, a `limit`): it is kept once. Pure.

What is read from a list of a thousand tools takes three times as much memory otherwise. Nobody changes a definition.
"""

from hashlib import sha256
from typing import Any

from gateway.verbatim import encode

__all__ = ["share"]


def share(definition: dict[str, Any], known: dict[bytes, Any]) -> dict[str, Any]:
    """The definition, whose input schema and its properties are now the `known` objects that are equal to them.

    Equal is what is written in the same bytes: Python calls 1, 1.0 and True equal, and a schema does not.
    """
    schema = definition["inputSchema"]
    properties = schema.get("properties")
    if isinstance(properties, dict):
        for name, said in properties.items():
            properties[name] = known.setdefault(_mark(said), said)
    definition["inputSchema"] = known.setdefault(_mark(schema), schema)
    return definition


def _mark(value: Any) -> bytes:
    """What stands for its bytes: with those themselves, all of a list would be held once more."""
    return sha256(encode(value)).digest()
