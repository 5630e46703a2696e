"""A named part of what the gateway serves: `[profiles.NAME]`, at `/mcp/NAME`. Pure.

A profile restricts the catalogue, and nothing else: what is outside of it reads as a tool that is not there, to the
gates as to the list. What is inside of it is still the policy's affair.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from gateway.catalogue import Catalogue
from gateway.policy.globs import ToolGlob

__all__ = ["WHOLE", "Profile"]

T = TypeVar("T")


class Profile:
    """`servers` are names, `tools` globs of `server/tool`; an empty one limits nothing, and both must hold.

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
        """Whether the tool with this path is in the profile."""
        server, _, tool = path.partition("/")
        return self._serves(server) and (not self._globs or any(glob.matches(server, tool) for glob in self._globs))

    def may_serve(self, server: str) -> bool:
        """Whether a tool of this server could be in the profile, for all that is known of a server without tools."""
        return self._serves(server) and (not self._globs or any(glob.matches_server(server) for glob in self._globs))

    def _part(self, catalogue: Catalogue) -> Catalogue:
        """Whatever else is said of what is in it (that a tool is held) is said of it here, too."""
        uris = catalogue.uris
        return replace(
            catalogue,
            tools=_kept(catalogue.tools, self.holds),
            names={name: path for name, path in catalogue.names.items() if self.holds(path)},
            missing=_kept(catalogue.missing, self.may_serve),
            rejected=_kept(catalogue.rejected, self.holds),
            prompts=_kept(catalogue.prompts, self.holds),
            prompt_names={name: path for name, path in catalogue.prompt_names.items() if self.holds(path)},
            uris=replace(
                uris,
                listed={uri: offer for uri, offer in uris.listed.items() if self._whole(offer.server)},
                templates=tuple(one for one in uris.templates if self._whole(one[1].server)),
                servers=_kept(uris.servers, self._whole),
                own={key: offer for key, offer in uris.own.items() if self._whole(offer.server)},
            ),
            about=_kept(catalogue.about, self.may_serve),
        )

    def _whole(self, server: str) -> bool:
        """Whether nothing of this server is left out. Its resources are not counted up front, so that only then they
        are known to be in the profile.
        """
        return self._serves(server) and (
            not self._globs or any(glob.matches_server(server) and glob.name == "*" for glob in self._globs)
        )

    def _serves(self, server: str) -> bool:
        return not self.servers or server in self.servers


def _kept(found: Mapping[str, T], holds: Callable[[str], bool]) -> Mapping[str, T]:
    return {name: value for name, value in found.items() if holds(name)}


WHOLE = Profile("")
