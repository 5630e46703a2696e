"""What a server offers beside tools: prompts, resources, and templates of resources; for how long its lists are true.

Values only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, NamedTuple

from gateway.call import JsonObject

__all__ = ["ABOUT", "GATEWAYS", "UNHINTED", "About", "Hint", "Offer", "OfferKind", "called", "is_of"]

ABOUT = "about:instructions"  # behind its server's name: what a server tells models about itself

GATEWAYS = "toolgate/gateways"  # in the `_meta` of a list of tools that one Toolgate gives another

OfferKind = Literal["prompt", "resource", "template"]


@dataclass(frozen=True, slots=True)
class Offer:
    """`name` is the prompt's name, the resource's URI, or the URI template. `definition` is the server's own JSON.

    `pin` is the hash of the definition, of what is listed.
    """

    kind: OfferKind
    server: str
    name: str
    definition: JsonObject = field(repr=False)
    trusted: bool = False
    pin: str = ""

    @property
    def path(self) -> str:
        """`server/name`, as policies write it."""
        return f"{self.server}/{self.name}"

    @property
    def label(self) -> str:
        """`server/prompt:name`: what no tool, and nothing of another kind, is called."""
        return f"{self.server}/{self.kind}:{self.name}"


class Hint(NamedTuple):
    """Until when a list may be kept as it was given, by a monotonic clock; and whether it is the same for everybody
    (MCP 2026-07-28, Caching).
    """

    until: float
    public: bool


UNHINTED = Hint(0.0, False)


@dataclass(frozen=True, slots=True)
class About:
    """What a server says of itself in its handshake or discovery. `capabilities` is raw.

    `hints` are those of its lists, by method: that they came anew changes nothing about a server. `gateways` are the
    Toolgates whose tools are among its own, itself first; none for any other server.
    """

    instructions: str = ""
    capabilities: JsonObject = field(default_factory=dict, repr=False)
    modern: bool = False
    hints: Mapping[str, Hint] = field(default_factory=dict, compare=False)
    gateways: tuple[str, ...] = ()

    def leads_back(self, own: str) -> bool:
        """Whether that gateway is this server, or behind it, so that it would list its own tools again, and those anew.
        Of two that name each other one passes this over: if both left the other out, both would take it up again.
        """
        return own in self.gateways and own >= self.gateways[0]


def called(process: str, own: str) -> str:
    """The name of a gateway. A `process` may have several, each with a word of its `own`. Who knows the process
    knows it again (`is_of`); nobody else learns anything by it.
    """
    return f"{sha256(process.encode()).hexdigest()[:16]}.{own}"


def is_of(gateway: str, process: str) -> bool:
    """Whether a gateway of this name is in this process."""
    return gateway.startswith(called(process, ""))
