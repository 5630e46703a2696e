"""Prompts that were read before: what backends call prompt caching, so that a client's order of things can be tested.

A prompt is a list of pieces (tools, system text, messages), and cached from its beginning, piece by piece. What was
read once is read from the cache the next time, however much follows it.
"""

import hashlib
from collections.abc import Sequence

__all__ = ["PromptCache"]

_LEAST = 1024  # tokens: shorter beginnings are not kept, as with the real APIs
_CHARACTERS_PER_TOKEN = 4


class PromptCache:
    """What one server has read."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def look(self, model: str, pieces: Sequence[str]) -> tuple[int, int]:
        """The tokens that come from the cache, and those that are written to it, which later ones find there."""
        marks, sizes = _marks(model, pieces), _sizes(pieces)
        found = next((at for at in range(len(marks), 0, -1) if marks[at - 1] in self._known), 0)
        read = sizes[found - 1] if found else 0
        whole = sizes[-1] if sizes else 0
        if whole < _LEAST:
            return 0, 0
        self._known.update(mark for mark, size in zip(marks, sizes, strict=True) if size >= _LEAST)
        return read, whole - read


def _marks(model: str, pieces: Sequence[str]) -> list[str]:
    """One for each beginning of the prompt."""
    mark = hashlib.sha256(model.encode())
    marks = []
    for piece in pieces:
        mark.update(hashlib.sha256(piece.encode("utf-8", "surrogatepass")).digest())
        marks.append(mark.hexdigest())
    return marks


def _sizes(pieces: Sequence[str]) -> list[int]:
    read, sizes = 0, []
    for piece in pieces:
        read += len(piece)
        sizes.append(read // _CHARACTERS_PER_TOKEN)
    return sizes
