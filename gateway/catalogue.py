"""One immutable view of every tool of every server: what can be resolved now, and what is missing and why. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from gateway.call import Tool
from gateway.names import exposed_names

__all__ = ["Catalogue"]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """`tools` by `server/tool` path, `names` from exposed name to path, both in a stable order.

    `missing` says for each server that can't be reached why; `rejected` lists tools that were left out, and why.
    """

    tools: Mapping[str, Tool] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)

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
