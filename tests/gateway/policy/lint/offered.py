"""Tools with schemas, and what the lints say of a policy text."""

from collections.abc import Mapping
from typing import Any

from gateway.call import Tool
from gateway.catalogue import Catalogue
from gateway.policy import parse
from gateway.policy.lint import findings
from gateway.policy.lint.people import People

FINE = "p, user:ann, *, shop/refund, call, 0 <= args.amount <= 100, allow, fine\n"


def offered(
    path: str, properties: Mapping[str, Any] | None = None, *, closed: bool = False, trusted: bool = True, **hints: bool
) -> Tool:
    """`offered("shop/refund", {"amount": {"type": "number"}}, destructiveHint=True)`."""
    server, _, name = path.partition("/")
    schema = {"type": "object", "properties": dict(properties or {}), "additionalProperties": not closed}
    return Tool(server, name, {"name": name, "inputSchema": schema, "annotations": hints}, "pin", trusted)


def told(text: str, *tools: Tool, people: People | None = None, missing: Mapping[str, str] | None = None) -> list[str]:
    """`policy.csv:2:17 unknown-tool: message (hint)`: every finding; against these tools, if there are any."""
    catalogue = Catalogue.of(tools, missing=missing) if tools or missing else None
    policy = parse(text)
    found = [*policy.warnings, *findings(policy, catalogue, people)]
    return [f"{one.file}:{one.line}:{one.column} {one.rule}: {one.message} ({one.hint})" for one in found]


def rules_told(text: str, *tools: Tool, people: People | None = None) -> list[str]:
    """The names of the rules alone."""
    return [line.split()[1].removesuffix(":") for line in told(text, *tools, people=people)]
