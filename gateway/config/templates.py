"""Text with `${VARIABLES}` in it, kept as it was written until the moment that its value is needed. Pure.

What is known: `${NAME}` and `${env:NAME}` (an environment variable), `${NAME:-default}` (if it is unset or empty),
`${workspaceFolder}` and `${userHome}`. There is no bare `$NAME` and no nesting. A placeholder that is not known is an
error: sent on as it stands, it would be taken for the secret that it names.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gateway.config.places import Place

__all__ = ["Template", "Unset", "Variable", "pieces"]

_PLACEHOLDER = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}")
_KNOWN = "known: `${NAME}`, `${NAME:-default}`, `${env:NAME}`, `${workspaceFolder}`, `${userHome}`"


@dataclass(frozen=True, slots=True)
class Variable:
    """A placeholder. `default` is what stands in for a variable that is unset or empty, if anything does."""

    name: str
    default: str | None = None
    text: str = ""


class Unset(LookupError):
    """A variable that has no value and no default."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


@dataclass(frozen=True, slots=True)
class Template:
    """A text and where it stands. Its repr doesn't show it: people write secrets into such files."""

    text: str = field(repr=False)
    place: Place

    def expand(self, variables: Mapping[str, str]) -> str:
        """The text with its values. Raises Unset for the first variable without one."""
        return "".join(_value(piece, variables) for piece in pieces(self.text))

    @property
    def variables(self) -> tuple[Variable, ...]:
        return tuple(piece for piece in pieces(self.text) if isinstance(piece, Variable))


def pieces(text: str) -> Iterator[str | Variable]:
    """The text in its parts. Raises ValueError for a placeholder that is not known."""
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        yield _literal(text[end : match.start()])
        yield Variable(match[1], match[2], match[0])
        end = match.end()
    yield _literal(text[end:])


def _literal(text: str) -> str:
    if "${" not in text:
        return text
    rest = text[text.index("${") :]
    if rest.startswith("${input:"):
        raise ValueError("`${input:...}` asks a person, and nobody is there; write `${NAME}` and set the variable")
    raise ValueError(f"a `${{` here begins no placeholder that Toolgate knows; {_KNOWN}")


def _value(piece: str | Variable, variables: Mapping[str, str]) -> str:
    if isinstance(piece, str):
        return piece
    value = variables.get(piece.name)
    if value or (value is not None and piece.default is None):
        return value
    if piece.default is None:
        raise Unset(piece.name)
    return piece.default
