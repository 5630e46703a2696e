"""Reasoning details (OpenRouter's), which come bit by bit, as they go back: what was thought, whole. Pure."""

from collections.abc import Mapping
from typing import Any

__all__ = ["Details"]

_GROWING = ("text", "summary", "data")  # fields that come bit by bit


class Details:
    """What has the same kind and index as the one before goes on with it."""

    def __init__(self) -> None:
        self._details: list[dict[str, Any]] = []
        self._pieces: list[dict[str, list[str]]] = []

    def add(self, detail: Mapping[str, Any]) -> None:
        """One that came. Raises TypeError, ValueError or AttributeError for what is none."""
        last = self._details[-1] if self._details else {}
        if not last or any(last.get(name) != detail.get(name) for name in ("type", "index")):
            self._details.append(dict(detail))
            self._pieces.append({})
            return
        for name, value in detail.items():
            if name in _GROWING and isinstance(value, str):
                self._pieces[-1].setdefault(name, [last.get(name) or ""]).append(value)
            elif value is not None:
                last[name] = value

    def whole(self) -> list[dict[str, Any]]:
        """All of them. Raises TypeError if a text goes on with what is none."""
        grown = ({name: "".join(texts) for name, texts in pieces.items()} for pieces in self._pieces)
        return [detail | more for detail, more in zip(self._details, grown, strict=True)]
