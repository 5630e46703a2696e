"""One immutable view of every tool of every server: what can be resolved now, and what is missing and why. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.call import Tool
from gateway.names import exposed_names
from gateway.screens.finding import Finding

__all__ = ["Catalogue", "ServerInfo"]


class ServerInfo(NamedTuple):
    """What a server calls itself (MCP's `serverInfo`)."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """`tools` by `server/tool` path, `names` from exposed name to path, both in a stable order.

    `missing` says for each server that can't be reached why; `rejected` lists tools that were left out, and why.
    `servers` are those that have answered. `held` says of tools that are there why nobody may see or call them;
    `findings` is what deceives in a definition, by path, or by the name of a server that can be taken for another.
    """

    tools: Mapping[str, Tool] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    servers: Mapping[str, ServerInfo] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        tools: Iterable[Tool],
        missing: Mapping[str, str] | None = None,
        rejected: Mapping[str, str] | None = None,
        unprefixed: Collection[str] = (),
    ) -> "Catalogue":
        """A catalogue of these tools, sorted by path; exposed names are made here, so that they never collide.

        The tools of the servers in `unprefixed` keep their own names where they can.
        """
        by_path = {tool.path: tool for tool in sorted(tools, key=lambda tool: tool.path)}
        return cls(by_path, exposed_names(by_path, unprefixed), dict(missing or {}), dict(rejected or {}))

    def resolve(self, name: str) -> str:
        """The `server/tool` path that a model's or client's name means; a path, or an unknown name, as it is.

        The tools of a server that is missing have no names; they read `server__tool`.
        """
        if name in self.names:
            return self.names[name]
        server, _, tool = name.partition("__")
        return f"{server}/{tool}" if tool and server in self.missing else name

    def exposed(self, path: str) -> str:
        """The exposed name of a path. Raises KeyError when there is no such tool."""
        return self._by_path()[path]

    def _by_path(self) -> Mapping[str, str]:
        return {path: name for name, path in self.names.items()}
