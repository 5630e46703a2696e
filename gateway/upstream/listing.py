"""Every tool of a server, read raw and judged one by one: a bad one is left out with the reason, the others stay.

Whether a tool's schema is one that arguments can be held against takes longer to say: that is seen to by `looking`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import mcp_types as types
from mcp.client.session import ClientSession
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import find_invalid_x_mcp_header
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gateway.call import JsonObject, Tool, pin_of
from gateway.offer import GATEWAYS, About, Hint, Offer, OfferKind
from gateway.upstream import wire
from gateway.upstream.outcomes import fate_of
from gateway.upstream.paging import LONGEST, Ask, Size, paged, weight
from gateway.upstream.sharing import share
from gateway.verbatim import Overlong, Verbatim, depth_over
from gateway.visible import shortened

__all__ = ["Listing", "judge", "list_everything", "list_offers", "list_tools", "problem_of"]

MOST_GATEWAYS, LONGEST_GATEWAY = 1000, 64  # behind a server, and characters of the name of one
MAX_TOOL_DEPTH = 64  # nested containers in one definition
_TOO_LARGE = f"its definition is larger than {LONGEST // 1024} KB"
LONGEST_SHOWN = 60  # characters of a name that can't be used
# MCP 2025-11-25, Tools: tool names have letters, digits, `_`, `-` and `.`, at most 128; but this is a SHOULD, older
# versions have no such rule, and servers are out there that group tools by `/` or write words. Models see another name
# anyway, and a path ends its server's name at the first slash. A colon is what prompts and URIs have, and no tool; the
# signs of globs and of CSV can't be in a name that policies write; nor may one be taken for another (`a//b`, `a/../b`).
_NAME = re.compile(r"(?=.{1,128}\Z)[A-Za-z0-9_.-]+(?:[ /][A-Za-z0-9_.-]+)*")
_STEP = re.compile(r"(?:^|/)\.{1,2}/|/\.{1,2}$")


@dataclass(frozen=True, slots=True)
class Listing:
    """`tools` by name; `rejected` from `server/tool` (or `server/#3 (a:b)`, the third in the list) to the reason. Among
    these are the `unseen` ones, by name, whose schemas are still to be looked at. One that is not `whole` lacks a list
    that could not be had, and may be there another time.
    """

    tools: Mapping[str, Tool] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    offers: tuple[Offer, ...] = ()
    about: About = field(default_factory=About)
    whole: bool = True
    unseen: Mapping[str, Tool] = field(default_factory=dict)

    @property
    def said(self) -> About:
        """What the server says of itself; not for how long its lists are true while more may come."""
        return self.about if self.whole and not self.unseen else replace(self.about, hints={})

    def followed_by(self, other: "Listing") -> "Listing":
        """What was listed next: where nothing differs, the very same things, for as long as it says of them now."""
        return replace(self, about=other.about) if other == self else other


async def list_tools(ask: Ask, server: str, *, trusted: bool) -> Listing:
    """Asks for all pages. Raises what `ask` raises, and NoList for an answer that is no list of tools."""
    gateways: tuple[str, ...] = ()

    async def asked(method: str, params: Mapping[str, Any]) -> Any:
        nonlocal gateways
        page = await ask(method, params)
        gateways = gateways or _gateways_in(page)
        return page

    judging = _Judging(server, trusted)
    beyond, hint = await paged(asked, "tools/list", "tools", judging.take)
    about = About(hints={"tools/list": hint}, gateways=gateways)
    return Listing(judging.tools, _noted(judging.rejected, f"{server}/*", beyond), about=about)


async def list_offers(ask: Ask, server: str, kind: OfferKind, *, trusted: bool) -> Listing:
    """Prompts, resources or templates: what can be passed on of them, and why the rest can't. Raises what `ask` does,
    and NoList.
    """
    method, key, name = _OFFERS[kind]
    offers: list[Offer] = []
    rejected: dict[str, str] = {}

    def take(number: int, definition: Any) -> Size:
        text = _written(definition)
        if problem := _problem_of_offer(definition, text, name):
            rejected[f"{server}/({key}) #{number}"] = problem
        else:
            offers.append(Offer(kind, server, definition[name], definition, trusted, pin_of(definition)))
        return _size(definition, text, kept=not problem)

    beyond, hint = await paged(ask, method, key, take)
    noted = _noted(rejected, f"{server}/({key})", beyond)
    return Listing(rejected=noted, offers=tuple(offers), about=About(hints={method: hint}))


def _noted(rejected: Mapping[str, str], everything: str, beyond: str) -> Mapping[str, str]:
    """With why there is less than the server has, under `everything`."""
    return {**rejected, everything: beyond} if beyond else rejected


_OFFERS: Mapping[OfferKind, tuple[str, str, str]] = {
    "prompt": ("prompts/list", "prompts", "name"),
    "resource": ("resources/list", "resources", "uri"),
    "template": ("resources/templates/list", "resourceTemplates", "uriTemplate"),
}
LONGEST_INSTRUCTIONS = 16_384  # characters
LONGEST_NAME = 4096  # characters of a prompt's name, or of a URI


def _problem_of_offer(definition: Any, text: bytes | None, name: str) -> str:
    if problem := _problem_of_definition(definition, text):
        return problem
    value = definition.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        return f"its `{name}` is not a text of 1 to {LONGEST_NAME} characters"
    return "its name holds control characters" if not value.isprintable() else ""


def _gateways_in(page: Any) -> tuple[str, ...]:
    """What another Toolgate says of itself and of those behind it."""
    meta = page.get("_meta") if isinstance(page, Mapping) else None
    said = meta.get(GATEWAYS) if isinstance(meta, Mapping) else None
    named = said[:MOST_GATEWAYS] if isinstance(said, list) else []
    return tuple(name for name in named if isinstance(name, str) and len(name) <= LONGEST_GATEWAY)


async def list_everything(session: ClientSession, ask: Ask, server: str, *, trusted: bool) -> Listing:
    """All that a server has, as far as it says that it has it. Raises what `ask` raises, for the list of tools, and
    when the connection is lost.

    A list of anything else that can't be had is noted, and does not keep the tools from being used.
    """
    capabilities = session.server_capabilities
    if capabilities is None:
        return Listing()
    listing = await list_tools(ask, server, trusted=trusted) if capabilities.tools else Listing()
    kinds: list[OfferKind] = ["prompt"] if capabilities.prompts else []
    kinds += ["resource", "template"] if capabilities.resources else []
    offers, rejected, whole = listing.offers, dict(listing.rejected), True
    hints = dict(listing.about.hints)
    for kind in kinds:
        try:
            more = await _sure(ask, server, kind, trusted=trusted)
        except MCPError as error:
            if _went_away(error):
                raise  # what it offered before stays known, and is not taken for gone
            if error.code != types.METHOD_NOT_FOUND:  # templates are often left out
                whole, rejected[f"{server}/({_OFFERS[kind][1]})"] = False, f"they could not be listed: {error.message}"
            continue
        except (TimeoutError, ValueError) as error:
            why = str(error) or "no answer came"
            whole, rejected[f"{server}/({_OFFERS[kind][1]})"] = False, f"they could not be listed: {why}"
            continue
        offers, rejected = (*offers, *more.offers), {**rejected, **more.rejected}
        hints |= more.about.hints
    about = replace(_about(session, hints), gateways=listing.about.gateways)
    return Listing(listing.tools, rejected, offers, about, whole)


async def _sure(ask: Ask, server: str, kind: OfferKind, *, trusted: bool) -> Listing:
    """As `list_offers`; a connection that broke off may mean that the server went away, which the next one tells."""
    try:
        return await list_offers(ask, server, kind, trusted=trusted)
    except MCPError as error:
        if fate_of(error) != "in_doubt" or _went_away(error):
            raise
    return await list_offers(ask, server, kind, trusted=trusted)


def _went_away(error: MCPError) -> bool:
    fate = fate_of(error)
    return fate == "unsent" or (fate is not None and error.code == types.CONNECTION_CLOSED)


def _about(session: ClientSession, hints: Mapping[str, Hint]) -> About:
    known = session.server_capabilities
    capabilities = known.model_dump(by_alias=True, mode="json", exclude_none=True) if known else {}
    instructions = (session.instructions or "")[:LONGEST_INSTRUCTIONS]
    modern = session.protocol_version in MODERN_PROTOCOL_VERSIONS
    return About(instructions, capabilities, modern, hints if modern else {})  # older versions know no hints


def judge(definitions: list[Any], server: str, *, trusted: bool) -> Listing:
    """Keeps the definitions that can be used. Of two with the same name the first stays. Pure, but that what they say
    alike becomes one object.
    """
    judging = _Judging(server, trusted)
    for number, definition in enumerate(definitions, 1):
        judging.take(number, definition)
    return Listing(judging.tools, judging.rejected)


class _Judging:
    """A list on the way to be judged, one definition after the other."""

    def __init__(self, server: str, trusted: bool) -> None:
        self.tools: dict[str, Tool] = {}
        self.rejected: dict[str, str] = {}
        self._server, self._trusted = server, trusted
        self._known: dict[bytes, Any] = {}

    def take(self, number: int, definition: Any) -> Size:
        server, text = self._server, _written(definition)
        problem = _problem_of_tool(definition, text)
        name = definition["name"] if not problem else ""
        is_new = not problem and name not in self.tools
        if is_new:
            self.tools[name] = Tool(server, name, share(definition, self._known), pin_of(definition), self._trusted)
        elif problem:
            self.rejected[f"{server}/{_shown_name(definition, number)}"] = problem
        else:
            self.rejected[f"{server}/{name} (a second one)"] = "it is listed twice: the first one counts"
        return _size(definition, text, kept=is_new)


def problem_of(definition: Any) -> str:
    """Why a definition can't be used, empty if it can: the first rung that fails. Pure."""
    return _problem_of_tool(definition, _written(definition))


def _problem_of_tool(definition: Any, text: bytes | None) -> str:
    if problem := _problem_of_definition(definition, text):
        return problem
    if not _is_name(definition.get("name")):
        return "its name is not 1 to 128 letters, digits, `_`, `-` and `.`, with single blanks or `/` between them"
    return _problem_of_schema(definition)


def _is_name(name: object) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None and not _STEP.search(name)


def _problem_of_definition(definition: Any, text: bytes | None) -> str:
    """`text` is what it looks like when we write it."""
    if not isinstance(definition, dict):
        return "its definition is not a JSON object"
    is_large = text is not None and (len(text) > LONGEST or _own(definition) > 2 * LONGEST)
    if is_large or isinstance(definition, Overlong):
        return _TOO_LARGE
    # As many levels as brackets at the most: it is rarely worth counting.
    if text is None or text.count(b"{") + text.count(b"[") > MAX_TOOL_DEPTH:
        if depth_over(definition, MAX_TOOL_DEPTH):
            return f"its definition is nested more than {MAX_TOOL_DEPTH} levels deep"
        if flaw := wire.flaw_in(definition):
            return f"its definition can't be passed on: {flaw}"
    return "" if text is not None else _TOO_LARGE


def _size(definition: Any, text: bytes | None, *, kept: bool) -> Size:
    if text is None:
        return Size(LONGEST)
    heavy = weight(text) + _own(definition)
    return Size(heavy, heavy if kept else 0)


def _own(definition: Any) -> int:
    """The bytes of its own text, where that is kept: a number may have any number of digits."""
    return len(definition.text) if isinstance(definition, Verbatim) else 0


def _written(definition: Any) -> bytes | None:
    """None for what can't be written (nested too deeply, a lone surrogate, a number that JSON does not have), or need
    not be.
    """
    if isinstance(definition, Overlong):
        return None
    try:
        return wire.dump(definition)
    except (ValueError, RecursionError):  # a UnicodeEncodeError is a ValueError
        return None


def _problem_of_schema(definition: JsonObject) -> str:
    schema = definition.get("inputSchema")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return "its `inputSchema` does not have the type `object`"
    if reason := find_invalid_x_mcp_header(schema):  # MCP 2026-07-28, Transports: such a tool MUST be left out
        return f"its `inputSchema` has an invalid `x-mcp-header`: {reason}"
    return ""


def _shown_name(definition: Any, number: int) -> str:
    """A name that a tool could have; else the place in the list, with what stands there for a name."""
    name = definition.get("name") if isinstance(definition, dict) else None
    if isinstance(name, str) and _is_name(name):
        return name
    return f"#{number} ({shortened(name, LONGEST_SHOWN)})" if isinstance(name, str) and name else f"#{number}"
