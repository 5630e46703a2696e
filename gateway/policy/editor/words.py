"""What a policy file may name: who its own lines know, and the tools that were pinned. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.call import Tool
from gateway.policy.globs import ToolGlob
from gateway.policy.rows import Grant, Obligation, Row
from gateway.policy.wording import GROUPS

__all__ = ["DUTY_WORDS", "ORIGIN_WORDS", "Words"]

DUTY_WORDS: Mapping[str, str] = {
    "redact": "redact=ssn customer.iban *_token @secrets: takes these fields out of results, wherever they stand",
    "max_result_bytes": "max_result_bytes=64 KB: withholds a result that is larger (B, KB, MB)",
    "timeout": "timeout=10 s: ends the call after that time (ms, s, min)",
    "dry_run": "dry_run: judges and records the call, and answers what would have been sent; nothing leaves",
    "needs": "needs=2: so many different people must agree, where a line asks (1 to 9)",
    "escalate": "escalate=role:manager@2h: after that time those with the role may answer, too",
    "remember": "remember=no: a yes counts for this call alone; remember=yes: it may count for others like it",
}
ORIGIN_WORDS: Mapping[str, str] = {
    "from_user": "from_user(args.x): whether every text and number in it stands in the user's own words",
    "from_untrusted": "from_untrusted(args.x): whether an untrusted server has said it, or a telling piece of it",
}


@dataclass(frozen=True, slots=True)
class Words:
    """`whos` are principals, roles and teams. `members` says by role who has it: `user:ann`, `user:ann in acme`."""

    whos: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    tools: Mapping[str, Tool] = field(default_factory=dict)
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[Row], tools: Iterable[Tool] = ()) -> "Words":
        """From the lines that can be read, whatever else is wrong with the file."""
        whos, tenants = set[str](), set[str]()
        members: dict[str, list[str]] = defaultdict(list)
        for line in rows:
            row = line.rule if isinstance(line, Obligation) else line
            whos |= {row.member, row.role} if isinstance(row, Grant) else {row.who}
            tenants.add(row.tenant)
            if isinstance(row, Grant):
                members[row.role].append(row.member if row.tenant == "*" else f"{row.member} in {row.tenant}")
        by_path = {tool.path: tool for tool in sorted(tools, key=lambda tool: tool.path)}
        had = {role: tuple(names) for role, names in members.items()}
        return cls(tuple(sorted(whos - {"*"})), tuple(sorted(tenants - {"*"})), by_path, had)

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(who for who in self.whos if who.partition(":")[0] in GROUPS)

    def matching(self, pattern: str) -> list[Tool]:
        """The tools that a `server/tool` pattern matches; all of them for what is none (yet)."""
        try:
            glob = ToolGlob.of(pattern)
        except ValueError:
            return list(self.tools.values())
        return [tool for tool in self.tools.values() if glob.matches(tool.server, tool.name)]

    def arguments(self, pattern: str) -> dict[str, str]:
        """Of the tools that match: each argument with its type and description, as the first of them has it."""
        found: dict[str, str] = {}
        for tool in self.matching(pattern):
            properties = tool.input_schema.get("properties")
            for name, schema in properties.items() if isinstance(properties, Mapping) else ():
                found.setdefault(name, _about(schema))
        return found


def _about(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return ""
    kind = schema.get("type")
    kinds = " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind or "")
    return ": ".join(part for part in (kinds, str(schema.get("description") or "")) if part)
