"""Secrets blotted out of texts, in whatever form they are repeated; of a stream also where they come in pieces. Pure.

A backend may quote the key that it was sent: as it is, in base64 (alone, or amid more: `Basic dXNlcjprZXk=`), percent-
encoded, or with JSON's escapes. Each form becomes `***`.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

__all__ = ["HIDDEN", "SHORTEST", "Blotter", "Pieces", "without"]

HIDDEN = "***"
SHORTEST = 6  # characters; what is shorter is no secret, and may be part of any word
_NO_KEYS = frozenset(
    {"ollama", "lm-studio", "no-key", "not-needed", "dummy-key", "placeholder"}
)  # where none is wanted


class Blotter:
    """What must not be told. Its `repr` shows none of it."""

    def __init__(self, secrets: Iterable[str]) -> None:
        kept = {each for each in secrets if len(each) >= SHORTEST and each.lower() not in _NO_KEYS}
        forms = sorted({form for each in kept for form in _forms(each)}, key=len, reverse=True)
        self._found = re.compile("|".join(map(re.escape, forms))) if forms else None
        firsts = "".join(sorted({form[0] for form in forms}))
        self._begins = re.compile(f"[{re.escape(firsts)}]" if firsts else r"\Z.")
        self._beginnings = frozenset(form[:size] for form in forms for size in range(1, len(form)))
        self._longest = max(map(len, forms), default=0)

    def __bool__(self) -> bool:
        """Whether there is anything to hide."""
        return self._found is not None

    def holds(self, text: str) -> bool:
        return self._found is not None and self._found.search(text) is not None

    def blotted(self, text: str) -> str:
        return text if self._found is None else self._found.sub(HIDDEN, text)

    def settled(self, text: str) -> int:
        """The place in a text until which nothing that follows can make a secret of it."""
        place = self._begun(text)
        if self._found is not None and place < len(text):
            whole = (found for found in self._found.finditer(text) if found.start() < place < found.end())
            place = next((found.start() for found in whole), place)
        return place

    def _begun(self, text: str) -> int:
        """Where at its end a secret may have begun; the text's length, if none has."""
        place = max(0, len(text) - self._longest + 1)
        while found := self._begins.search(text, place):
            place = found.start()
            if text[place:] in self._beginnings:
                return place
            place += 1
        return len(text)


class Pieces:
    """A text that comes piece by piece, blotted: what may be the beginning of a secret is held back for a while."""

    def __init__(self, blotter: Blotter) -> None:
        self._blotter, self._held = blotter, ""

    def more(self, piece: str) -> str:
        """What can be told now."""
        text = self._held + piece
        place = self._blotter.settled(text)
        self._held = text[place:]
        return self._blotter.blotted(text[:place])

    def rest(self) -> str:
        """What was held back, when nothing follows."""
        held, self._held = self._held, ""
        return self._blotter.blotted(held)


def _forms(secret: str) -> Iterator[str]:
    yield secret
    raw = secret.encode(errors="replace")
    for at in range(3):  # wherever it stands in what is encoded
        begin, end = -(-at * 8 // 6), (at + len(raw)) * 8 // 6
        encoded = base64.b64encode(b"\0" * at + raw)[begin:end].decode()
        yield encoded
        yield encoded.replace("+", "-").replace("/", "_")
    for quoted in (quote(secret, safe="", errors="replace"), "".join(f"%{byte:02X}" for byte in raw)):
        yield quoted
        yield re.sub("%..", lambda found: found[0].lower(), quoted)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1].replace("/", "\\/")


def without(value: Any, blotter: Blotter) -> Any:
    """The same JSON value without a secret in any of its texts."""
    match value:
        case str():
            return blotter.blotted(value)
        case dict():
            return {without(key, blotter): without(item, blotter) for key, item in value.items()}
        case list() | tuple():
            return [without(item, blotter) for item in value]
    return value
