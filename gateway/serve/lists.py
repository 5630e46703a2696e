"""`tools/list` without the SDK's application: bytes that are made once, and handed out for as long as they are true.

What a subject is shown depends on the catalogue, the policy, and the second in which he asks, if the policy looks at
the clock: as long as these are the same, so is the answer. Each tool is written out once, whoever sees it. Whatever is
out of the ordinary goes to the SDK's application, as it does with calls (`direct`).
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mcp.shared.inbound import InboundModernRoute, classify_inbound_request
from mcp_types import CLIENT_INFO_META_KEY
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from gateway.call import JsonObject, Tool
from gateway.catalogue import Catalogue
from gateway.clients import ClientRun
from gateway.offer import Hint
from gateway.policy import Policy
from gateway.serve.asgi import Send, dumped
from gateway.serve.asking import Asker
from gateway.serve.envelope import enveloped, in_shape
from gateway.serve.handshakes import Handshakes
from gateway.serve.heads import Head
from gateway.serve.hints import hint_of, told
from gateway.serve.sessions import Client, Sessions
from gateway.verbatim import parts

__all__ = ["Lists", "Parts", "answer_list"]

MOST_KEPT = 8 * 1024 * 1024  # bytes of lists; those of people who see the same are kept once
MOST_ASKERS = 10_000

_REQUEST = {"jsonrpc", "id", "method"}
_EMPTY = b'{"tools":[]'


Parts = tuple[bytes, bytes, bytes]
_Joined = tuple[bytes, Hint]  # the definitions, and for how long their servers let them be kept


@dataclass(frozen=True, slots=True)
class _Times:
    """For how long a list is true. Compared by identity: a catalogue and a policy never change."""

    catalogue: Catalogue
    policy: Policy
    second: int | None

    def same(self, other: "_Times | None") -> bool:
        return (
            other is not None
            and self.catalogue is other.catalogue
            and self.policy is other.policy
            and self.second == other.second
        )


class Lists:
    """`tools` is what `Front.listed` says to `tools/list`, within the envelope, as the JSON of a result: in parts, for
    half a megabyte that is kept is not copied to be sent. `ready` is waited for before a list is told to somebody.
    """

    def __init__(self, sessions: Sessions, ready: Callable[[str, Client], Awaitable[None]]) -> None:
        self._sessions, self._ready = sessions, ready
        self._times: _Times | None = None
        self._seen: dict[Asker, tuple[str, ...]] = {}  # the names that he sees
        self._joined: OrderedDict[tuple[str, ...], _Joined] = OrderedDict()  # the one that was asked for last is last
        self._kept = 0  # bytes
        self._alike: dict[tuple[str, ...], tuple[str, ...]] = {}  # so that equal ones are kept once
        self._written: dict[str, tuple[Tool, bytes]] = {}  # by exposed name

    async def answer(self, head: Head, message: JsonObject, handshakes: Handshakes, stamp: JsonObject) -> Parts | None:
        """The whole response to a plain `tools/list`; None for anything else."""
        found = _plain(head, message, handshakes) if message.get("method") == "tools/list" else None
        if found is None:
            return None
        await self._ready("tools/list", found[0])
        before, tools, after = self.tools(*found, stamp)
        return b'{"jsonrpc":"2.0","id":%b,"result":%b' % (dumped(message["id"]), before), tools, after + b"}"

    def tools(self, client: Client, version: str, stamp: Mapping[str, Any]) -> Parts:
        viewer = self._sessions.viewer(client)
        tools, hint = self._list(viewer, client.asker)
        around = dumped(enveloped(told({"tools": []}, hint, viewer, client.name), "tools/list", version, stamp))
        return _EMPTY[:-1], tools, around.removeprefix(_EMPTY[:-1])

    def remembered(self) -> tuple[int, int]:
        """Bytes of lists, and askers: bounded, whoever asks."""
        return sum(len(text) for text, _ in self._joined.values()), len(self._seen)

    def _list(self, viewer: ClientRun, asker: Asker) -> _Joined:
        self._forget_what_is_not_true()
        names = self._seen.get(asker)
        joined = None if names is None else self._joined.get(names)
        if names is None or joined is None:
            return self._made(viewer, asker)
        self._joined.move_to_end(names)
        return joined

    def _forget_what_is_not_true(self) -> None:
        policy = self._sessions.clients.policy.glance
        second = int(datetime.now(UTC).timestamp()) if policy.timed else None
        times = _Times(self._sessions.catalogue, policy, second)
        if times.same(self._times):
            return
        if self._times is None or self._times.catalogue is not times.catalogue:
            self._written = self._as_before(times.catalogue)
            self._joined.clear()  # of the same names, perhaps, but not of the same tools
            self._kept = 0
        self._times = times
        self._seen.clear()
        self._alike.clear()

    def _as_before(self, now: Catalogue) -> dict[str, tuple[Tool, bytes]]:
        """What was written of tools that are the same now, and name their user interfaces as they did."""
        before = self._times.catalogue if self._times else now
        if before.uris.shared != now.uris.shared:
            return {}
        return {name: one for name, one in self._written.items() if now.tools.get(one[0].path) is one[0]}

    def _made(self, viewer: ClientRun, asker: Asker) -> _Joined:
        tools = viewer.tools()
        names = tuple(name for name, _ in tools)
        joined = self._joined.get(names)
        if joined is None:
            text = b",".join([self._text(name, tool) for name, tool in tools])
            joined = text, hint_of("tools/list", (tool for _, tool in tools), viewer.catalogue)
            self._keep(names, joined)
        if len(self._seen) >= MOST_ASKERS:
            self._seen.clear()
            self._alike.clear()
        self._seen[asker] = self._alike.setdefault(names, names)
        return joined

    def _text(self, name: str, tool: Tool) -> bytes:
        known = self._written.get(name)
        if known is None or known[0] is not tool:
            told = {**self._sessions.catalogue.definition(tool), "name": name}
            known = self._written[name] = tool, dumped(parts(told, tool.definition, deep=True))
        return known[1]

    def _keep(self, names: tuple[str, ...], joined: _Joined) -> None:
        self._joined[names] = joined
        self._kept += len(joined[0])
        while self._kept > MOST_KEPT:
            self._kept -= len(self._joined.popitem(last=False)[1][0])


async def answer_list(send: Send, parts: Parts) -> None:
    length = sum(map(len, parts))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": part is not parts[-1]})


def _plain(head: Head, message: JsonObject, handshakes: Handshakes) -> tuple[Client, str] | None:
    """Who asks, and in which version of the protocol."""
    params = message.get("params", {})
    if message.keys() - {"params"} != _REQUEST or not isinstance(params, Mapping) or params.keys() - {"_meta"}:
        return None
    meta = params.get("_meta", {})
    if not isinstance(meta, Mapping) or type(meta.get("progressToken", "")) not in (str, int):
        return None
    if head.modern:
        routed = isinstance(classify_inbound_request(message, headers=head.fields), InboundModernRoute)
        fits = routed and in_shape(meta, head.version)
        said = meta.get(CLIENT_INFO_META_KEY)
        return (Client.said(head.asker, said, stateless=True), head.version) if fits else None
    known = handshakes.fresh(head.asker, head.session or "")
    plain = known is not None and head.version in HANDSHAKE_PROTOCOL_VERSIONS and meta.keys() <= {"progressToken"}
    return (known.client, head.version) if known is not None and plain else None
