"""What a script can look at: what the user said last, and what came back from calls. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from providers import ToolResult
from providers.scripted.template import Reference, dig

__all__ = ["Returned", "Seen"]

_DENIED = "Denied"  # how a gateway's refusal begins
_PENDING = "Not executed yet"  # and its answer while a person has to decide


@dataclass(frozen=True, slots=True)
class Returned:
    """One call's result. `tool` is what the script calls it; `result` is None if none came."""

    tool: str
    result: ToolResult | None

    @property
    def text(self) -> str:
        """All text that came back."""
        blocks = self.result.content if self.result else ()
        return "\n".join(str(block["text"]) for block in blocks if block.get("type") == "text" and "text" in block)

    @property
    def value(self) -> Any:
        """The structured content; without one, the text as JSON; if it is none, the text."""
        structured = self.result.meta.get("structuredContent") if self.result else None
        if structured is not None:
            return structured
        try:
            return json.loads(self.text)
        except ValueError:
            return self.text

    @property
    def is_error(self) -> bool:
        return self.result is not None and self.result.is_error

    @property
    def denied(self) -> bool:
        return self.is_error and self.text.startswith(_DENIED)

    @property
    def pending(self) -> bool:
        return self.is_error and self.text.startswith(_PENDING)


@dataclass(frozen=True, slots=True)
class Seen:
    """`results` are those of the last turn in the order of its calls, `named` those of all calls that have a name."""

    said: str = ""
    results: tuple[Returned, ...] = ()
    named: Mapping[str, Returned] = field(default_factory=dict)

    def of(self, call: int | str) -> Returned:
        """A result by its number in the last turn, its name, or its tool. Raises LookupError."""
        if isinstance(call, int):
            if call < len(self.results):
                return self.results[call]
            raise LookupError(f"the last turn made {len(self.results)} calls, so there is no result {call}")
        if call in self.named:
            return self.named[call]
        for returned in self.results:
            if returned.tool == call:
                return returned
        raise LookupError(f"no call `{call}` has returned")

    def look(self, reference: Reference) -> Any:
        """The value that a reference names. Raises LookupError."""
        return dig(self.of(reference.call).value, reference.path)
