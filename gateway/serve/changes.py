"""Who wants to be told that a list changed, or a resource, and is told it.

A change is news only until it is told: whoever reads slowly is told once of ten changes, and the newest is what he then
finds. Nothing here waits for a client, or for a server. A server may say that a part of a resource has changed (MCP,
Resources: the URI "might be a sub-resource" of the one that was subscribed to): that is told to whoever is subscribed
to what stands above it in the URI, if he might subscribe to the part itself. Whether he might is asked when it is his
turn to be told, and all who listen take turns, so many in a second: however much a server says, what is done for it has
a bound. An edited policy is noticed while somebody listens, and told to those for whom it makes a difference.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import mcp_types as types
from mcp.shared.exceptions import MCPError

from gateway.call import JsonObject, Subject
from gateway.catalogue import Catalogue
from gateway.errors import ToolgateError
from gateway.offer import Offer
from gateway.policy import Policy
from gateway.serve.asking import Asker, Person
from gateway.serve.subscribed import Key, Subscribed
from gateway.serve.views import differing
from gateway.upstream.meter import Meter, Pace
from gateway.uris import qualified

__all__ = ["LISTS", "Changes", "Listener", "Sources"]

LISTS = ("tools", "prompts", "resources")  # `notifications/tools/list_changed` and so on
MOST = 2000  # listeners
MOST_EACH = MOST // 4  # of one person
MOST_URIS = 500  # of one listener
MOST_TEXT = 256 * 1024  # characters of these: with each new one a server is told all of them again
MOST_TEXT_EACH = 4 * MOST_TEXT  # of all of one person's
MOST_PARTS = 100  # that a listener is still to be told of; beyond, it is what he subscribed to that has changed
TURNS = Pace(500, 500.0)  # of all who listen: to be told something, or to be asked about by the policy
UPDATED = "notifications/resources/updated"
POLICY_LOOK = 1.0  # seconds between two looks at the policy, while somebody listens

Send = Callable[[str, JsonObject], Awaitable[None]]
Turn = Callable[[], Awaitable[None]]

log = logging.getLogger("toolgate.serve")

T = TypeVar("T")


class Sources(Protocol):
    """The servers, as far as they tell of changes."""

    @property
    def catalogue(self) -> Catalogue: ...

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]: ...

    def on_stirred(self, callback: Callable[[Collection[str]], None]) -> Callable[[], None]: ...

    def on_updated(self, callback: Callable[[str, str, Subject | None], None]) -> Callable[[], None]: ...

    async def subscribe_resource(self, server: str, uri: str, subject: Subject | None = None) -> None: ...

    async def unsubscribe_resource(self, server: str, uri: str, subject: Subject | None = None) -> None: ...

    async def roots_changed(self, key: str) -> None: ...

    def forget(self, key: str) -> None: ...


class Listener:
    """`asker`, who listens. `send` takes a method and its parameters; `may_hear` is asked again at each update, and
    `may_follow` about a part of what he subscribed to, by its qualified URI. Where a server acts for each user, he is
    told of his own. `turn` returns when he may be told one thing more.
    """

    def __init__(  # noqa: PLR0913 - each has its default but the first three
        self,
        send: Send,
        lists: Collection[str],
        asker: Asker,
        may_hear: Callable[[str], bool] = lambda _path: True,
        may_follow: Callable[[str], Awaitable[bool]] | None = None,
        *,
        turn: Turn = lambda: asyncio.sleep(0),
    ) -> None:
        self._send, self._lists, self.asker, self._may_hear = send, lists, asker, may_hear
        self._may_follow, self._turn = may_follow, turn
        self.uris: dict[Key, str] = {}  # as he names them
        self._pending: dict[str, JsonObject] = {}
        self._parts: dict[Key, Key] = {}  # that have changed, and of what: whether he may follow them is to be asked
        self._news = asyncio.Event()
        self._closed = False

    @property
    def size(self) -> int:
        """Characters of what he is subscribed to."""
        return sum(map(len, self.uris.values()))

    def list_changed(self, kind: str) -> None:
        if kind in self._lists:
            self._tell(f"notifications/{kind}/list_changed", {})

    def tell(self, method: str, params: JsonObject) -> None:
        """Anything else; of two about the same task the newer one."""
        self._tell(method, params)

    def updated(self, key: Key, subject: Subject | None) -> None:
        """A resource has changed: for this subject, or for all."""
        uri = self.uris.get(key) if self._is_mine(subject) else None
        if uri is not None and not self._is_pending(UPDATED, uri) and self._may_hear("/".join(key)):
            self._tell(UPDATED, {"uri": uri})

    def part_updated(self, key: Key, whole: Key, subject: Subject | None) -> None:
        """A part has changed of the resource to which he is subscribed: for this subject, or for all."""
        if self._may_follow is None or not self._is_mine(subject) or key in self._parts:
            return
        if len(self._parts) >= MOST_PARTS:
            self.updated(whole, None)
        else:
            self._parts[key] = whole
            self._news.set()

    async def _judge_part(self) -> None:
        """Of the part that waits longest he is told, if he might be subscribed to it."""
        key = next(iter(self._parts))
        whole, uri = self._parts.pop(key), qualified("/".join(key))
        may = await _quietly(self._may_follow(uri)) if self._may_follow is not None else False
        if may and whole in self.uris:
            named, own = self.uris[whole], whole[1]
            self._tell(UPDATED, {"uri": named.removesuffix(own) + key[1] if named.endswith(own) else uri})

    def _is_mine(self, subject: Subject | None) -> bool:
        return subject is None or subject.person == self.asker.person

    def _is_pending(self, method: str, about: str) -> bool:
        return f"{method} {about}" in self._pending

    def _tell(self, method: str, params: JsonObject) -> None:
        about = params.get("uri") or params.get("taskId", "")
        self._pending[f"{method} {about}"] = {"method": method, "params": params}
        self._news.set()

    def close(self) -> None:
        self._closed = True
        self._news.set()

    async def run(self) -> None:
        """Tells what there is to tell, until it is closed."""
        while not self._closed or self._pending or self._parts:
            await self._news.wait()
            self._news.clear()
            while self._pending or self._parts:
                await self._turn()
                if not self._pending:
                    await self._judge_part()
                if self._pending:
                    note = self._pending.pop(next(iter(self._pending)))
                    await self._send(note["method"], note["params"])


class CurrentPolicy(Protocol):
    """The policy in force: another value after a reload."""

    @property
    def glance(self) -> Policy: ...

    async def settled(self) -> Policy: ...


class Changes:
    """Tells the listeners what the servers tell, and what the policy makes of it."""

    def __init__(self, sources: Sources, policy: CurrentPolicy) -> None:
        self._sources, self._policy = sources, policy
        self._seen = sources.catalogue
        self._looking: asyncio.Task[None] | None = None
        self._listeners: dict[Listener, None] = {}
        self._subscribed = Subscribed[Listener]()
        self._meter = Meter(TURNS)
        self._work: set[asyncio.Task[None]] = set()
        self._ends: Sequence[Callable[[], None]] = (
            sources.subscribe(self._changed),
            sources.on_stirred(self._stirred),
            sources.on_updated(self._updated),
        )

    def close(self) -> None:
        """Every listener is told the end, in the way of its era; whoever comes later, at once."""
        for end in self._ends:
            end()
        self._ends = ()
        for listener in list(self._listeners):
            listener.close()

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """While this lasts, he is told. Raises MCPError when there are too many, in all or of this person."""
        self._check_room(listener.asker.person)
        if not self._ends:
            listener.close()
        self._listeners[listener] = None
        if self._looking is None:
            self._looking = asyncio.ensure_future(self._look())
        try:
            yield
        finally:
            del self._listeners[listener]
            if not self._listeners:
                self._looking.cancel()
                self._looking = None
            for key in list(listener.uris):
                self.unwatch(listener, key)

    def _check_room(self, person: Person) -> None:
        if sum(other.asker.person == person for other in self._listeners) >= MOST_EACH:
            raise MCPError(types.INTERNAL_ERROR, f"You listen {MOST_EACH} times already; end one of them first")
        if len(self._listeners) >= MOST:
            raise MCPError(types.INTERNAL_ERROR, "Nobody more can listen now")

    async def watch(self, listener: Listener, resource: Offer, uri: str) -> None:
        """Has him told of this resource, which he calls `uri`. Raises UpstreamUnavailable; MCPError at the limit."""
        key = resource.server, resource.name
        if key in listener.uris:
            return
        self._check_size(listener, uri)
        listener.uris[key] = uri
        self._subscribed.add(key, listener)
        try:
            await self._sources.subscribe_resource(*key, listener.asker.subject)
        except BaseException:
            self._unsubscribed(listener, key)
            raise

    def _unsubscribed(self, listener: Listener, key: Key) -> bool:
        """Whether he was subscribed to it."""
        self._subscribed.remove(key, listener)
        return listener.uris.pop(key, None) is not None

    def _check_size(self, listener: Listener, uri: str) -> None:
        if len(listener.uris) >= MOST_URIS:
            raise MCPError(types.INTERNAL_ERROR, f"One client can subscribe to {MOST_URIS} resources")
        person = listener.asker.person
        his = sum(other.size for other in self._listeners if other.asker.person == person)
        if listener.size + len(uri) > MOST_TEXT or his + len(uri) > MOST_TEXT_EACH:
            most = f"{MOST_TEXT} characters in all, and those of one person {MOST_TEXT_EACH}"
            raise MCPError(types.INTERNAL_ERROR, f"The URIs that one client is subscribed to have at most {most}")

    def unwatch(self, listener: Listener, key: Key) -> None:
        if self._unsubscribed(listener, key):
            self._later(self._sources.unsubscribe_resource(*key, listener.asker.subject))

    def roots_changed(self, caller_key: str) -> None:
        """A client's roots are others, and the servers that asked him are told: for once, the other way."""
        self._later(self._sources.roots_changed(caller_key))

    def forget(self, caller_key: str) -> None:
        """A client is gone, and with him the connections that were his."""
        self._sources.forget(caller_key)

    async def turn(self) -> None:
        """Returns when one listener more may be told something: others have their turn before him, and are served."""
        await asyncio.sleep(self._meter.late(1, asyncio.get_running_loop().time()))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(_quietly(work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def _changed(self) -> None:
        before, self._seen = self._seen, self._sources.catalogue
        then, now = _shown(before), _shown(self._seen)
        for kind in LISTS:
            if then[kind] != now[kind]:
                for listener in self._listeners:
                    listener.list_changed(kind)

    async def _look(self) -> None:
        before = self._policy.glance
        while True:
            await asyncio.sleep(POLICY_LOOK)
            now = await self._policy.settled()
            if now is not before:
                await self._tell_of(before, now)
            before = now

    async def _tell_of(self, before: Policy, now: Policy) -> None:
        """Each person's lists are compared once, however many listen for him; between two, others have their turn."""
        at, found = datetime.now(UTC), dict[Asker, Collection[str]]()
        for listener in list(self._listeners):
            if listener.asker not in found:
                await asyncio.sleep(0)
                found[listener.asker] = differing(self._sources.catalogue, listener.asker, before, now, at)
            for kind in found[listener.asker]:
                listener.list_changed(kind)

    def _stirred(self, kinds: Collection[str]) -> None:
        """A list has changed in a way that it does not show, or for one client, and we can't say for whom: to be told
        in vain does no harm.
        """
        for listener in self._listeners:
            for kind in kinds:
                listener.list_changed(kind)

    def _updated(self, server: str, uri: str, subject: Subject | None) -> None:
        key = server, uri
        told = set(self._subscribed.to(key))
        for listener in told:
            listener.updated(key, subject)
        for whole, listeners in self._subscribed.above(key):
            for listener in listeners:
                if listener not in told:
                    listener.part_updated(key, whole, subject)
            told.update(listeners)


def _shown(catalogue: Catalogue) -> Mapping[str, object]:
    """What lists are made of, for those who may see all of it that is not held."""
    held = catalogue.held.keys()
    return {
        "tools": (catalogue.names, catalogue.tools, held & catalogue.tools.keys()),
        "prompts": (catalogue.prompt_names, catalogue.prompts, _among(catalogue.prompts.values(), held)),
        "resources": (
            catalogue.resources,
            catalogue.templates,
            _among(catalogue.resources.values(), held),
            _among((template for _, template in catalogue.templates), held),
        ),
    }


def _among(offers: Iterable[Offer], held: Collection[str]) -> set[str]:
    return {offer.label for offer in offers if offer.label in held} if held else set()


async def _quietly(work: Awaitable[T]) -> T | None:
    try:
        return await work
    except ToolgateError as error:
        log.info("somebody could not be told of a change, or his subscription not be ended: %s", error)
        return None
