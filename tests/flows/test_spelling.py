"""Raw JSON in, raw JSON out: what a server wrote comes through as it wrote it, whatever the two sides speak.

Numbers that no float holds, escapes, the order of members and the blanks between them: each member of a result, the
data of an error, what is said before the answer, and each item of a list is compared byte for byte
(`tests/fixtures/spelling_server.py`).
"""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.verbatim import fields, items
from tests.conformance import matrix
from tests.conformance.matrix import WAYS, Way, clients
from tests.fixtures import spelling_server as server
from tests.fixtures.peer import Peer, Reply
from tests.fixtures.project import Project

PROGRAM = str(Path(server.__file__))
SERVERS = {**matrix.SERVERS, "sse-legacy": ("sse", "legacy")}
PROGRESS = {"progressToken": "caf\u00e9", "io.modelcontextprotocol/logLevel": "info"}
Found = Mapping[tuple[str, str], str]  # by server and check: what is wrong, or nothing

CHECKS = (
    "call",
    "unread",
    "progress",
    "error",
    "error_after_progress",
    "prompt",
    "resource",
    "completion",
    *server.LISTS,
)


@contextlib.contextmanager
def entry(transport: str, era: str, scheme: str) -> Iterator[Mapping[str, Any]]:
    program = [PROGRAM, transport, era, scheme]
    if transport == "stdio":
        yield {"command": sys.executable, "args": program}
        return
    process = subprocess.Popen([sys.executable, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield {"url": process.stdout.readline().strip(), "type": transport}
    finally:
        process.communicate()  # ends its standard input, and with it the server


async def looked_at(way: Way, folder: Path) -> Found:
    """What became of all checks, of all servers, for a client that comes this way."""
    with contextlib.ExitStack() as stack:
        entries = {name: stack.enter_context(entry(*SERVERS[name], name)) for name in SERVERS}
        project = Project.of(folder / "project", entries)
        async with asyncio.timeout(120), clients(way, project) as (peer, _):
            if peer.era == "legacy":
                await peer.ask("logging/setLevel", {"level": "info"})
            return {(name, check): await outcome(peer, name, check) for name in SERVERS for check in CHECKS}


async def outcome(peer: Peer, name: str, check: str) -> str:
    try:
        await (listed(peer, name, check) if check in server.LISTS else ONE[check](peer, name))
    except (AssertionError, KeyError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def same(reply: Reply, sent: str, name: str, *but: str) -> None:
    """All that the server wrote stands there as it wrote it."""
    assert "result" in reply.message, reply.text
    told = fields(fields(reply.text.encode())["result"])
    for key, text in fields(sent.replace("SCHEME", name).encode()).items():
        if key == "_meta":
            assert fields(text).items() <= fields(told[key]).items(), reply.text
        elif key not in but:
            assert told[key] == text, f"{key}: {told[key]!r}"


async def called(peer: Peer, name: str) -> None:
    same(await peer.call(f"{name}__spelled"), server.RESULT, name)


async def with_progress(peer: Peer, name: str) -> None:
    before = len(peer.told)
    same(await peer.call(f"{name}__spelled", meta=PROGRESS), server.RESULT, name)
    said = [fields(text.encode())["params"] for text in peer.told_as[before:]]
    first, logged, second = (fields(params) for params in said)
    assert list(first) == ["progressToken", *fields(f"{{{server.PROGRESS}}}".encode())]
    assert json.loads(first.pop("progressToken")) == PROGRESS["progressToken"]
    assert first == fields(f"{{{server.PROGRESS}}}".encode())
    assert (logged, list(logged)) == (told := fields(server.LOGGED.encode()), list(told))
    assert second["progress"] == b"2"


def same_error(reply: Reply) -> None:
    assert "error" in reply.message, reply.text
    told = fields(fields(reply.text.encode())["error"])
    for key in ("data", "x-unknown"):
        assert told[key] == server.SPELLED.encode(), told
    assert (reply.error["code"], reply.error["message"]) == (4001, "no")


async def refused(peer: Peer, name: str) -> None:
    same_error(await peer.call(f"{name}__refused"))


async def refused_after_progress(peer: Peer, name: str) -> None:
    same_error(await peer.call(f"{name}__refused", meta=PROGRESS))


async def unread(peer: Peer, name: str) -> None:
    """An error without an id: nothing else is under way."""
    error = (await peer.call(f"{name}__unread")).error
    assert (error["code"], error["message"]) == (-32700, "Parse error")


async def got(peer: Peer, name: str) -> None:
    same(await peer.ask("prompts/get", {"name": f"{name}__spelled"}), server.GOT, name)


async def read(peer: Peer, name: str) -> None:
    same(await peer.ask("resources/read", {"uri": f"{name}://spelled"}), server.READ, name)


async def completed(peer: Peer, name: str) -> None:
    asked = {"ref": {"type": "ref/prompt", "name": f"{name}__spelled"}, "argument": {"name": "a", "value": ""}}
    same(await peer.ask("completion/complete", asked), server.COMPLETED, name)


async def listed(peer: Peer, name: str, method: str) -> None:
    reply, key = await peer.ask(method), server.LISTS[method]
    own = {"tools/list": f"{name}__spelled", "prompts/list": f"{name}__spelled", "resources/list": f"{name}://spelled"}
    mark = own.get(method, f"{name}://t/{{x}}").encode()
    (told,) = (fields(one) for one in items(fields(fields(reply.text.encode())["result"])[key]) if mark in one)
    sent = fields(items(f"[{server.ITEMS[key]}]".replace("SCHEME", name).encode())[0])
    assert {one for one in sent if told[one] != sent[one]} <= {"name"}, told
    assert list(told) == list(sent)


ONE: Mapping[str, Callable[[Peer, str], Any]] = {
    "call": called,
    "progress": with_progress,
    "unread": unread,
    "error": refused,
    "error_after_progress": refused_after_progress,
    "prompt": got,
    "resource": read,
    "completion": completed,
}


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Way], Found]:
    known: dict[Way, Found] = {}

    def found(way: Way) -> Found:
        if way not in known:
            known[way] = asyncio.run(looked_at(way, tmp_path_factory.mktemp("spelling")))
        return known[way]

    return found


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_what_a_server_wrote_comes_through_as_it_wrote_it(way: Way, name: str, looked: Callable[[Way], Found]) -> None:
    wrong = [f"{check}: {outcome}" for (server_, check), outcome in looked(way).items() if outcome and server_ == name]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)
