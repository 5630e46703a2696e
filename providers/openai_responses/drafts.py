"""What of a reply came bit by bit, for the parts of which no item tells what they are in the end. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["Drafts"]

Item = Mapping[str, Any]


class Drafts:
    """Texts, refusals, thoughts and arguments by the place of their item."""

    def __init__(self) -> None:
        self._calls: dict[int, Item] = {}  # as they began
        self._grown: dict[int, dict[str, list[str]]] = {}
        self._latest = 0

    def begun(self, place: int, item: Item) -> None:
        """A call has."""
        self._calls[place] = item

    def grown(self, data: Any, kind: str) -> None:
        """A piece. One that does not say where it belongs goes on with what came last."""
        self._latest = place = data.get("output_index", self._latest)
        self._grown.setdefault(place, {}).setdefault(kind, []).append(data["delta"])

    def has(self, place: int, kind: str) -> bool:
        return kind in self._grown.get(place, ())

    def completed(self, items: Mapping[int, Item]) -> dict[int, Item]:
        """The items, with those that there are only in pieces, and with the words that an item does not tell."""
        found = dict(items)
        for place in {**self._grown, **self._calls}:
            texts = {kind: "".join(pieces) for kind, pieces in self._grown.get(place, {}).items()}
            drafted = self._drafted(place, texts)
            if drafted is not None and (place not in items or _told_less(items[place], texts)):
                found[place] = {**items.get(place, {}), **drafted}
        return found

    def thought(self, place: int) -> str:
        """What was thought there."""
        return "".join(self._grown.get(place, {}).get("thought", ()))

    def _drafted(self, place: int, texts: Mapping[str, str]) -> Item | None:
        if place in self._calls:
            return {**self._calls[place], "arguments": texts.get("arguments", ""), "status": "incomplete"}
        content = [{"type": kind, kind: texts[kind]} for kind in ("text", "refusal") if texts.get(kind)]
        if content:
            return {"type": "message", "content": content}
        thought = texts.get("thought")
        return {"type": "reasoning", "summary": [{"text": thought}]} if thought else None


def _told_less(item: Item, texts: Mapping[str, str]) -> bool:
    """Whether an item of words has only the beginning of those that came, or none."""
    if item["type"] != "message":
        return False
    told = "".join(_words(item.get("content") or ()))
    came = texts.get("text", "") + texts.get("refusal", "")
    return len(told) < len(came) and came.startswith(told)


def _words(content: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    return (each.get("text") or each.get("refusal") or "" for each in content)
