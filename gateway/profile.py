"""A named part of what the gateway serves: `[profiles.NAME]`, at `/mcp/NAME`. Pure.

A profile restricts the catalogue, and nothing else: what is outside of it reads as a tool that is not there, to the
gates as to the list. What is inside of it is still the policy's affair.
"""

from collections.abc import Sequence
from dataclasses import replace

from gateway.aliases import readings
from gateway.catalogue import Catalogue
from gateway.policy.globs import ToolGlob

__all__ = ["WHOLE", "Profile"]


class Profile:
    """`servers` are names, `tools` globs of `server/tool`, for prompts and resources too (`server/prompt`,
    `server/uri`); an empty one limits nothing, and both must hold.

    Raises ValueError for a glob that has not two parts. `of` is cheap for the catalogue that it was given last: there
    is one at a time.
    """

    __slots__ = ("_globs", "_last", "name", "servers", "tools")

    def __init__(self, name: str, servers: Sequence[str] = (), tools: Sequence[str] = ()) -> None:
        self.name, self.servers, self.tools = name, tuple(servers), tuple(tools)
        self._globs = tuple(ToolGlob.of(glob) for glob in tools)
        self._last: tuple[Catalogue, Catalogue] | None = None

    def __repr__(self) -> str:
        return f"Profile({self.name!r}, servers={self.servers}, tools={self.tools})"

    def of(self, catalogue: Catalogue) -> Catalogue:
        """The part of a catalogue that is in the profile. Tools keep the names that they have in the whole."""
        if not self.servers and not self.tools:
            return catalogue
        last = self._last
        if last is None or last[0] is not catalogue:
            last = self._last = (catalogue, self._part(catalogue))
        return last[1]

    def holds(self, path: str) -> bool:
        """Whether what has this path is in the profile; of a URI, whichever way it is read."""
        server, _, tool = path.partition("/")
        if not self._serves(server):
            return False
        names = (tool, *readings(tool)) if ":" in tool else (tool,)
        return not self._globs or all(any(glob.matches(server, name) for glob in self._globs) for name in names)

    def may_serve(self, server: str) -> bool:
        """Whether a tool of this server could be in the profile, for all that is known of a server without tools."""
        return self._serves(server) and (not self._globs or any(glob.matches_server(server) for glob in self._globs))

    def _part(self, catalogue: Catalogue) -> Catalogue:
        """Everything else about the catalogue stays as it is, above all what is held."""
        return replace(
            catalogue,
            tools={path: tool for path, tool in catalogue.tools.items() if self.holds(path)},
            names={name: path for name, path in catalogue.names.items() if self.holds(path)},
            missing={server: why for server, why in catalogue.missing.items() if self.may_serve(server)},
            rejected={path: why for path, why in catalogue.rejected.items() if self.holds(path)},
            prompts={path: prompt for path, prompt in catalogue.prompts.items() if self.holds(path)},
            prompt_names={name: path for name, path in catalogue.prompt_names.items() if self.holds(path)},
            uris=catalogue.uris.part(self.may_serve, self.holds),
            about={server: about for server, about in catalogue.about.items() if self.may_serve(server)},
        )

    def _serves(self, server: str) -> bool:
        return not self.servers or server in self.servers


WHOLE = Profile("")
