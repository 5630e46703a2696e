"""Which server a URI means: resources and templates of all servers under one roof. Pure, apart from a bounded cache.

A URI goes through unchanged where one server lists it, or names it as the user interface of a tool (`apps`). Where
several do, each is exposed as `toolgate://SERVER/URI`, the server's own URI verbatim behind the first slash; in that
form every resource of every server can be named. Hosts take nothing but `ui://` for a user interface: what begins so
is exposed as `ui://toolgate/SERVER/...`, which is the same in another form. What nobody lists is found by the servers'
templates (RFC 6570), else it belongs to the only server that has resources.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from gateway import apps
from gateway.offer import Offer

__all__ = ["MAX_URI", "Uris", "meant", "qualified"]

_SCHEME = "toolgate://"
_APPS = f"{apps.SCHEME}toolgate/"
_FORMS = ((_SCHEME, ""), (_APPS, apps.SCHEME))  # how a qualified URI begins, and what its server's own one begins with
_WEB = ("http://", "https://")
MAX_URI = 8192  # characters of a URI that a client may name, and that templates are tried on
_MAX_TEMPLATE = 2048  # characters
_MAX_EXPRESSIONS = 32

# What an expression of RFC 6570 (level 3) expands to, more or less: which server is meant is all that is asked here.
# The first character of the expression is its operator.
_PLAIN = r"[^/?#\s]*"
_EXPANSIONS: Mapping[str, str] = {
    "+": r"\S*",
    "#": r"(?:#\S*)?",
    ".": r"(?:\.[^/?#\s]*)?",
    "/": r"(?:/[^?#\s]*)?",
    ";": r"(?:;[^/?#\s]*)?",
    "?": r"(?:\?[^#\s]*)?",
    "&": r"(?:&[^#\s]*)?",
}
_EXPRESSION = re.compile(r"\{([^{}]*)\}")
_VARIABLES = re.compile(r"[+#./;?&]?[A-Za-z0-9_.%-]+(?:\*|:[0-9]{1,4})?(?:,[A-Za-z0-9_.%-]+(?:\*|:[0-9]{1,4})?)*")


@dataclass(frozen=True, slots=True)
class Uris:
    """`listed` by exposed URI and `templates` by exposed template, both in a stable order.

    `servers` says of each server that has resources at all whether it is trusted. `own` is what they list, by their
    own URIs, and `interfaces` what their tools name; what is of several is `shared`.
    """

    listed: Mapping[str, Offer] = field(default_factory=dict)
    templates: Sequence[tuple[str, Offer]] = ()
    servers: Mapping[str, bool] = field(default_factory=dict)
    own: Mapping[tuple[str, str], Offer] = field(default_factory=dict, repr=False)
    shared: frozenset[str] = frozenset()
    interfaces: frozenset[tuple[str, str]] = frozenset()
    within: Callable[[str], bool] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(
        cls, offers: Sequence[Offer], servers: Mapping[str, bool], interfaces: Collection[tuple[str, str]] = ()
    ) -> "Uris":
        """Of two offers of one server with the same name the first one counts. `interfaces` are servers, and what a
        tool of theirs names; a server without resources has none.
        """
        resources = _first_of_each(offers, "resource")
        templates = _first_of_each(offers, "template")
        having = {**servers, **{one.server: one.trusted for one in (*resources.values(), *templates.values())}}
        named = frozenset((server, uri) for server, uri in interfaces if server in having)
        shared = _shared(named.union(resources))
        doubled = _shared(templates)
        listed = {_exposed(offer.path, shared): offer for offer in resources.values()}
        shown = tuple((_exposed(offer.path, doubled), offer) for offer in templates.values())
        return cls(listed, shown, having, resources, shared | doubled, named)

    def part(self, serves: Callable[[str], bool], within: Callable[[str], bool]) -> "Uris":
        """What is there of servers and of `server/uri` paths that these let through."""
        return replace(
            self,
            listed={uri: offer for uri, offer in self.listed.items() if within(offer.path)},
            templates=tuple((shown, offer) for shown, offer in self.templates if within(offer.path)),
            servers={server: trusted for server, trusted in self.servers.items() if serves(server)},
            own={key: offer for key, offer in self.own.items() if within(offer.path)},
            interfaces=frozenset(one for one in self.interfaces if within("/".join(one))),
            within=within,
        )

    def resource(self, server: str, uri: str) -> Offer | None:
        """What this server has under its own URI: listed or not, it may have it. None: it has no resources at all."""
        if self.within is not None and not self.within(f"{server}/{uri}"):
            return None
        if (server, uri) in self.own:
            return self.own[server, uri]
        return Offer("resource", server, uri, {}, self.servers[server]) if uri and server in self.servers else None

    def route(self, uri: str) -> Offer | None:
        """The resource that a client's URI means, by the server's own URI; None if nobody can say whose it is."""
        if (whose := meant(uri)) is not None:
            return self.resource(*whose)
        owners = [one for one in self.servers if (one, uri) in self.own or (one, uri) in self.interfaces]
        if not owners and uri not in self.shared:
            owners = [self._by_template(uri) or (next(iter(self.servers)) if len(self.servers) == 1 else "")]
        return self.resource(owners[0], uri) if len(owners) == 1 else None

    def exposed(self, server: str, uri: str) -> str:
        """A server's own URI as clients know it."""
        return _exposed(f"{server}/{uri}", self.shared)

    def readable(self, server: str, uri: str, *, look: bool = True) -> str:
        """The same for a link, which need not be listed: one that does not lead to its own server is named so that it
        does; without a `look`, which is one at each template, also one that might. What is on the web is read there.
        """
        known = self.exposed(server, uri)
        if known != uri or server not in self.servers or uri[:8].lower().startswith(_WEB):
            return known
        if (server, uri) in self.own or (server, uri) in self.interfaces:
            return uri
        found = self.route(uri) if look else None
        return uri if found is not None and found.server == server else qualified(f"{server}/{uri}")

    def template(self, text: str) -> Offer | None:
        """The template that a client names by its text."""
        if (whose := meant(text)) is not None:
            return self.own_template(*whose)
        return next((offer for exposed, offer in self.templates if exposed == text), None)

    def own_template(self, server: str, text: str) -> Offer | None:
        """The template of this server with its own text."""
        return next((offer for _, offer in self.templates if (offer.server, offer.name) == (server, text)), None)

    def _by_template(self, uri: str) -> str:
        """The server of the best template that fits: of a trusted server, then with the most text of its own.

        Nobody's, where two servers are equally good: neither may take what is the other one's.
        """
        if len(uri) > MAX_URI:
            return ""
        fits = [offer for _, offer in self.templates if _matches(offer.name, uri)]
        best = max(map(_rank, fits), default=None)
        servers = {offer.server for offer in fits if _rank(offer) == best}
        return servers.pop() if len(servers) == 1 else ""


def qualified(path: str) -> str:
    """The other form of `SERVER/URI`, of which nobody else has anything."""
    server, _, uri = path.partition("/")
    start, own = _FORMS[uri.startswith(apps.SCHEME)]
    return f"{start}{server}/{uri[len(own) :]}"


def meant(uri: str) -> tuple[str, str] | None:
    """The server and its own URI, of a qualified one; None for another."""
    for start, own in _FORMS:
        if uri[: len(start)].lower() == start:
            server, _, rest = uri[len(start) :].partition("/")
            return server, own + rest if rest else ""
    return None


def _first_of_each(offers: Iterable[Offer], kind: str) -> dict[tuple[str, str], Offer]:
    found: dict[tuple[str, str], Offer] = {}
    for offer in sorted((offer for offer in offers if offer.kind == kind), key=lambda offer: offer.path):
        found.setdefault((offer.server, offer.name), offer)
    return found


def _shared(names: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The names that more than one server has."""
    uses = Counter(name for _, name in names)
    return frozenset(name for name, count in uses.items() if count > 1)


def _exposed(path: str, shared: Collection[str]) -> str:
    """A server that lists a URI of our own form could be taken for the one that it names: it is told apart, too."""
    uri = path.partition("/")[2]
    return qualified(path) if uri in shared or meant(uri) is not None else uri


def _rank(offer: Offer) -> tuple[bool, int]:
    return offer.trusted, len(_EXPRESSION.sub("", offer.name))


def _matches(template: str, uri: str) -> bool:
    compiled = _compiled(template)
    return compiled is not None and compiled.fullmatch(uri) is not None


@lru_cache(maxsize=1024)
def _compiled(template: str) -> Any:
    """A matcher that is linear in the URI: templates come from servers, URIs from clients. None: it matches nothing."""
    import re2  # 15 ms: paid by the first URI that nobody lists

    pattern = _pattern(template)
    try:
        return None if pattern is None else re2.compile(pattern)
    except re2.error:
        return None


def _pattern(template: str) -> str | None:
    expressions = _EXPRESSION.findall(template)
    if len(template) > _MAX_TEMPLATE or len(expressions) > _MAX_EXPRESSIONS:
        return None
    if any(not _VARIABLES.fullmatch(text) for text in expressions):
        return None
    return "".join(_pieces(template))


def _pieces(template: str) -> Iterator[str]:
    for index, piece in enumerate(_EXPRESSION.split(template)):
        yield _EXPANSIONS.get(piece[0], _PLAIN) if index % 2 else re.escape(piece)
