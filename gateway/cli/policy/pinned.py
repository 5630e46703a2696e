"""What `toolgate.lock` knows of tools, for commands that start no server."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gateway.call import Action, Tool
from gateway.offer import Offer, OfferKind

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.pins.entries import Pins

__all__ = ["Pinned"]

_KINDS: Mapping[Action, tuple[OfferKind, ...]] = {
    "read": ("resource",),
    "get": ("prompt",),
    "complete": ("prompt", "template"),
}


class Pinned:
    """Tools, resources and prompts as they were pinned, with the trust that the configuration gives their servers now.

    The file is read when something is looked for. Raises ConfigError for one that can't be used.
    """

    def __init__(self, config: "Config") -> None:
        self._config = config
        self._pins: Pins | None = None

    def find(self, action: Action, path: str) -> Tool | Offer | None:
        """None: nothing is known about it."""
        server, _, name = path.partition("/")
        kinds = _KINDS.get(action, ())
        for kind in kinds:
            entry = self._entry(server, f"{kind}:{name}")
            if entry:
                return Offer(kind, server, name, entry[0], self._trusts(server))
        entry = None if kinds else self._entry(server, name)
        return Tool(server, name, *entry, self._trusts(server)) if entry else None

    def _entry(self, server: str, name: str) -> "tuple[Mapping[str, object], str] | None":
        """Definition and pin."""
        if self._pins is None:
            from gateway.pins.files import PinFiles

            self._pins = PinFiles.of(self._config.folders).read() or {}
        entry = self._pins[server].entries.get(name) if server in self._pins else None
        return (entry.definition, entry.pin) if entry else None

    def _trusts(self, server: str) -> bool:
        return server in self._config.servers and self._config.servers[server].word.trusted
