"""One immutable view of all that every server offers: what can be resolved now, and what is missing and why. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from typing import NamedTuple

from gateway import apps
from gateway.call import Action, JsonObject, Tool
from gateway.names import exposed_names
from gateway.offer import About, Offer
from gateway.screens.finding import Finding
from gateway.task import without_task
from gateway.uris import Uris
from gateway.values import value

__all__ = ["Catalogue", "ServerInfo"]


class ServerInfo(NamedTuple):
    """What a server calls itself (MCP's `serverInfo`)."""

    name: str
    version: str


@value(frozen=True, slots=True)
class Catalogue:
    """`tools` by `server/tool` path, `names` from exposed name to path, both in a stable order; so are the prompts.

    `missing` says for each server that can't be reached why; `rejected` lists what was left out, and why. `servers` are
    those that have answered; `about` is what those that can be reached say of themselves. `held` says of tools that are
    there why nobody may see or call them; `findings` is what deceives in a definition, by path, or by the name of a
    server that can be taken for another. Both know what is no tool by its label (`Offer.label`; `ABOUT` behind the
    server's name for its instructions, which are not in `about` while they are held). Which server a URI means is the
    affair of `uris`. The `unseen` ones are listed tools whose schemas are still to be looked at: they are not there
    yet, but pinned like those that are. `gateways` are this Toolgate and those behind it (`About.gateways`).
    The `unpinned` are those that are held for nothing but that they could not be written down.
    """

    tools: Mapping[str, Tool] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    servers: Mapping[str, ServerInfo] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)
    prompts: Mapping[str, Offer] = field(default_factory=dict)
    prompt_names: Mapping[str, str] = field(default_factory=dict)
    uris: Uris = field(default_factory=Uris)
    about: Mapping[str, About] = field(default_factory=dict)
    unseen: Sequence[Tool] = ()
    gateways: tuple[str, ...] = ()
    unpinned: Collection[str] = ()

    @classmethod
    def of(  # noqa: PLR0913 - a catalogue has this many parts
        cls,
        tools: Iterable[Tool],
        missing: Mapping[str, str] | None = None,
        rejected: Mapping[str, str] | None = None,
        unprefixed: Collection[str] = (),
        *,
        offers: Iterable[Offer] = (),
        about: Mapping[str, About] | None = None,
    ) -> "Catalogue":
        """A catalogue of these, sorted by path; exposed names are made here, so that they never collide.

        The tools and prompts of the servers in `unprefixed` keep their own names where they can.
        """
        by_path = {tool.path: tool for tool in sorted(tools, key=lambda tool: tool.path)}
        others, said = tuple(offers), dict(about or {})
        prompts = {offer.path: offer for offer in sorted(others, key=lambda o: o.path) if offer.kind == "prompt"}
        return cls(
            tools=by_path,
            names=exposed_names(by_path, unprefixed),
            missing=dict(missing or {}),
            rejected=dict(rejected or {}),
            prompts=prompts,
            prompt_names=exposed_names(prompts, unprefixed),
            uris=Uris.of(others, _with_resources(said, [*by_path.values(), *others]), _interfaces(by_path.values())),
            about=said,
        )

    @property
    def resources(self) -> Mapping[str, Offer]:
        """By exposed URI, in a stable order."""
        return self.uris.listed

    @property
    def templates(self) -> Sequence[tuple[str, Offer]]:
        """By exposed template, in a stable order."""
        return self.uris.templates

    def route(self, uri: str) -> Offer | None:
        """The resource that a client's URI means, with the server's own URI; None if nobody can say whose it is."""
        return self.uris.route(uri)

    def definition(self, tool: Tool) -> JsonObject:
        """A tool's definition as clients are told it, but for its name: the server's own, with the URIs as they know
        them, and without what is the gateway's affair.
        """
        return apps.renamed(without_task(tool.definition), lambda uri: self.uris.exposed(tool.server, uri))

    def find(self, action: Action, path: str) -> Tool | Offer | None:
        """What a call is about, by the server's own name. A URI that no server lists may still be there."""
        match action:
            case "call":
                return self.tools.get(path)
            case "get":
                return self.prompts.get(path)
            case "read":
                return self.uris.resource(*_parts(path))
        return self.prompts.get(path) or self.uris.own_template(*_parts(path)) or self.uris.resource(*_parts(path))

    def resolve(self, name: str) -> str:
        """The `server/tool` path that a model's or client's name means; a path, or an unknown name, as it is.

        The tools of a server that is missing have no names; they read `server__tool`. Where there is one server, its
        own name for a tool can mean nothing else: by that the views of MCP Apps call.
        """
        path = self._meant(name, self.names)
        return self._of_the_only(name) if path == name and path not in self.tools else path

    def resolve_prompt(self, name: str) -> str:
        """The same for prompts."""
        return self._meant(name, self.prompt_names)

    def _meant(self, name: str, names: Mapping[str, str]) -> str:
        if name in names:
            return names[name]
        server, _, own = name.partition("__")
        return f"{server}/{own}" if own and server in self.missing else name

    def _of_the_only(self, name: str) -> str:
        servers = {*self.about, *self.missing}
        path = f"{servers.pop()}/{name}" if len(servers) == 1 else name
        return path if path in self.tools else name

    def exposed(self, path: str) -> str:
        """The exposed name of a path. Raises KeyError when there is no such tool."""
        return self._by_path()[path]

    def _by_path(self) -> Mapping[str, str]:
        return {path: name for name, path in self.names.items()}


def _parts(path: str) -> tuple[str, str]:
    server, _, name = path.partition("/")
    return server, name


def _interfaces(tools: Iterable[Tool]) -> frozenset[tuple[str, str]]:
    """What tools name as their user interfaces, with their servers."""
    return frozenset((tool.server, uri) for tool in tools for uri in apps.named(tool.definition))


def _with_resources(about: Mapping[str, About], offered: Iterable[Tool | Offer]) -> Mapping[str, bool]:
    """The servers that say they have resources, in a stable order, and whether they are trusted."""
    trusted = {thing.server for thing in offered if thing.trusted}
    return {server: server in trusted for server in sorted(about) if "resources" in about[server].capabilities}
