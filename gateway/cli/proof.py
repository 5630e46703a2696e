"""The proof: a gateway as its client starts it, one call that it allows and one that it denies.

Never a call with an effect. What is allowed must be a tool of which its server says that it only reads, best one that
needs no argument which the schema does not offer; else one that stays within its server's own world too, with arguments
that are made up: what its server thinks of them does not matter, it has heard them. These hints are believed here, and
only here, since that server is the user's own and has just been started. What is denied is a tool that the policy
refuses and that would only read if it were not refused, or else a name that no server has. If there is nothing fit to
be called, that is said.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gateway.call import Answered, Arguments, Outcome, Subject, Tool
from gateway.config import Config
from gateway.names import exposed_name
from gateway.policy import Policy, Query, RunFacts
from gateway.schema import violation

if TYPE_CHECKING:  # the MCP SDK costs half a second to import
    from gateway.upstream import Http, Session, Stdio

__all__ = ["Proof", "Tried", "harmless", "prove"]

NOBODY = "toolgate_proof_no_such_tool"
SECONDS = 60.0
MADE_UP = "; with arguments that were made up"
_VALUES: Mapping[str, Any] = {
    "string": "toolgate",
    "integer": 1,
    "number": 1,
    "boolean": False,
    "array": [],
    "object": {},
}


@dataclass(frozen=True, slots=True)
class Tried:
    """One call and its verdict: `allow`, `ask`, `deny`, or `none` where nothing was fit to be called."""

    wanted: str
    verdict: str
    tool: str = ""
    gate: str = ""
    rule: str = ""
    why: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is as it should be; a call that could not be made proves nothing, and breaks nothing."""
        return self.verdict in (self.wanted, "none")

    def to_json(self) -> dict[str, Any]:
        found = {"wanted": self.wanted, "verdict": self.verdict, "tool": self.tool or None}
        return found | {"gate": self.gate or None, "rule": self.rule or None, "why": self.why or None}


@dataclass(frozen=True, slots=True)
class Proof:
    """What the client sees: its protocol's version, how many tools, and the two calls."""

    protocol: str
    tools: int
    allowed: Tried
    denied: Tried

    @property
    def holds(self) -> bool:
        return self.allowed.holds and self.denied.holds

    def to_json(self) -> dict[str, Any]:
        calls = {"allowed": self.allowed.to_json(), "denied": self.denied.to_json()}
        return {"protocol": self.protocol, "tools": self.tools, "holds": self.holds, **calls}


async def prove(config: Config, policy: Policy, launch: "Stdio | Http", hidden: Sequence[Tool]) -> Proof:
    """Connects as the client would and makes the calls. `hidden` are tools that may not be listed, if known.

    Raises UpstreamUnavailable when the gateway does not answer.
    """
    from gateway.upstream import open_session

    subject = Subject(config.identity.user, config.identity.tenant)
    async with open_session("toolgate", launch, SECONDS) as session:
        listed = await session.tools()
        judge = _Judge(config, policy, subject)
        allowed = await _allowed(session, judge, listed)
        return Proof(session.protocol_version, len(listed), allowed, await _denied(session, judge, listed, hidden))


@dataclass(frozen=True, slots=True)
class _Judge:
    """What the policy says, for the line that is shown; the gateway decides by itself."""

    config: Config
    policy: Policy
    subject: Subject

    def tool(self, listed: Tool) -> Tool | None:
        """A tool under the name that clients see, as the gateway knows it; None if that can't be told."""
        server, _, name = listed.name.partition("__")
        known = self.config.servers.get(server)
        return Tool(server, name, listed.definition, listed.pin, known.word.trusted) if known and name else None

    def says(self, tool: Tool, arguments: Mapping[str, Any]) -> tuple[str, str, str]:
        """Effect, rule, why."""
        found = self.policy.decide(
            Query(self.subject, "call", tool.path, arguments, tool, RunFacts(), datetime.now(UTC))
        )
        folder = f"{self.config.folders.workspace}/"
        return found.effect, (found.rule or "").removeprefix(folder), found.why


async def _allowed(session: "Session", judge: _Judge, listed: Sequence[Tool]) -> Tried:
    for seen, arguments, made_up in harmless(listed):
        tool = judge.tool(seen)
        if tool is None:
            continue
        effect, rule, why = judge.says(tool, arguments)
        if effect == "allow":
            verdict, gate, _ = _verdict(await session.call(seen.name, arguments))
            return Tried("allow", verdict, tool.path, gate, rule, f"{why}{MADE_UP}" if made_up else why)
    if not judge.config.servers:
        return Tried(
            "allow", "none", why="this gateway has no servers yet: `toolgate import` moves those of your clients"
        )
    if not listed:
        return Tried("allow", "none", why="no tool is allowed to you: say in the policy which are")
    return Tried("allow", "none", why="no tool that is allowed to you is sure to only read, and can be tried")


def harmless(listed: Sequence[Tool]) -> Iterator[tuple[Tool, Mapping[str, Any], bool]]:
    """What can be called, each with arguments, and whether those are made up: these last."""
    reading = sorted((tool for tool in listed if tool.read_only), key=lambda tool: tool.open_world)
    offered = [(tool, arguments, False) for tool in reading if (arguments := _arguments(tool, _offer)) is not None]
    yield from offered
    for tool in reading:
        arguments = None if tool.open_world else _arguments(tool, _made_up)
        if arguments is not None and violation(tool, Arguments.parse(arguments)) is None:
            yield tool, arguments, True


async def _denied(session: "Session", judge: _Judge, listed: Sequence[Tool], hidden: Sequence[Tool]) -> Tried:
    names = {tool.name for tool in listed}
    for tool in hidden:
        name = exposed_name(tool.path)
        effect, rule, why = judge.says(tool, {})
        if effect == "deny" and name not in names and _reads(tool):
            verdict, gate, said = _verdict(await session.call(name, {}))
            return Tried("deny", verdict, tool.path, gate, said or rule, why)
    server = next(iter(judge.config.servers), "toolgate")
    verdict, gate, rule = _verdict(await session.call(f"{server}__{NOBODY}", {}))
    return Tried("deny", verdict, f"{server}/{NOBODY}", gate, rule, "no server offers it, so nothing can allow it")


def _reads(tool: Tool) -> bool:
    """By its server's word, whether that is trusted or not."""
    said = tool.definition.get("annotations")
    return isinstance(said, Mapping) and said.get("readOnlyHint") is True


def _arguments(tool: Tool, value: Callable[[Any], Any]) -> dict[str, Any] | None:
    """A value for each argument that the tool requires; None if one has none."""
    schema = tool.input_schema
    known = schema.get("properties")
    known = known if isinstance(known, Mapping) else {}
    found = {name: value(known.get(name)) for name in schema.get("required") or ()}
    return None if None in found.values() else found


def _offer(schema: Any) -> Any:
    """What the schema itself offers."""
    if not isinstance(schema, Mapping):
        return None
    listed = [schema[key] for key in ("default", "const") if key in schema]
    return next(iter([*listed, *(schema.get("enum") or ()), *(schema.get("examples") or ())]), None)


def _made_up(schema: Any) -> Any:
    offered = _offer(schema)
    if offered is not None or not isinstance(schema, Mapping):
        return offered
    kind = schema.get("type")
    return _VALUES.get(kind) if isinstance(kind, str) else None


def _verdict(outcome: Outcome) -> tuple[str, str, str]:
    """Verdict, gate, rule: what the client was told. A server's own answer means that the call was let through."""
    if not isinstance(outcome, Answered):
        return "unknown", "", ""
    meta = outcome.result.get("_meta")
    said = meta.get("toolgate/verdict") if isinstance(meta, Mapping) else None
    if not isinstance(said, Mapping):
        return "allow", "", ""
    return str(said.get("effect")), str(said.get("gate") or ""), str(said.get("rule") or "")
