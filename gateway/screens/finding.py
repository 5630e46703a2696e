"""One thing that deceives, or may: what it is, where it stands, and a piece of it that can be looked at. Pure."""

from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["KINDS", "Finding", "Kind", "Severity"]

Kind = Literal["hidden_text", "bidi", "terminal_escape", "look_alike", "instructions", "shadowing"]
Severity = Literal["high", "medium", "low"]

KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Finding:
    """`where` is the path within a definition (`inputSchema.properties.q.description`), or `name`, or `server`.

    `excerpt` is safe to look at: what is invisible in it is spelled out.
    """

    kind: Kind
    where: str
    excerpt: str
    severity: Severity

    def __str__(self) -> str:
        return f"{self.kind} ({self.severity}) in {self.where}: {self.excerpt}"

    def to_json(self) -> dict[str, str]:
        return {"kind": self.kind, "severity": self.severity, "where": self.where, "excerpt": self.excerpt}
