"""A server that answers calls with anything: the gateway goes on, and whoever called is told something readable.

One gateway for all of it, and batches of calls at once; each call brings the bytes that it is to be answered with.
TOOLGATE_SEED chooses others, TOOLGATE_FUZZ=10 ten times as many.
"""

import asyncio
import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.fixtures.told import tell
from tests.fuzz.junk import Junk
from tests.fuzz.stage import PUPPETS, SEED, Stage, opened, rounds, the_answer
from tests.soak.client import Client

AT_ONCE = 32
NEXT = b'\n{"jsonrpc":"2.0","id":@ID@,"result":{"content":[],"resultType":"complete"}}\n'  # so that nobody has to wait

Script = list[Any]


def script(junk: Junk, transport: str) -> Script:
    """Seldom nothing follows, and the call times out; seldom a process ends."""
    if transport == "http":
        return [*junk.http_answer(), *([] if junk.one_in(20) else ["close"])]
    return [*junk.lines(), "close" if junk.one_in(60) else b"" if junk.one_in(40) else NEXT]


class Callers:
    """Clients of both eras, who call puppets with scripts, at the same time."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.count: Counter[str] = Counter()
        self._clients: list[Client] = []

    async def play(self, most: int) -> None:
        self._clients = [await self.stage.client(["modern", "legacy"][n % 2]) for n in range(AT_ONCE)]
        try:
            for number in rounds(most):
                junk = Junk(f"{SEED}/{number}")
                servers = [junk.choice(list(PUPPETS)) for _ in self._clients]
                scripts = [script(junk, PUPPETS[server][0]) for server in servers]
                await asyncio.gather(*map(self._call, self._clients, servers, scripts))
                await self.stage.still_serves()
        finally:
            for client in self._clients:
                client.line.drop()
            await self.stage.close()

    async def _call(self, client: Client, server: str, played: Script) -> None:
        lines = [line if isinstance(line, str) else base64.b64encode(line).decode() for line in played]
        meta = {"_meta": {"progressToken": 1}} if len(lines) % 2 else {}
        wanted = {"name": f"{server}__act", "arguments": {"script": lines}, **meta}
        try:
            async with asyncio.timeout(60):
                answer = await client.request("tools/call", wanted)
            whole = the_answer(answer, client.number)
            self.count["error" if "error" in whole else _kind(whole["result"])] += 1
        except Exception as error:
            raise AssertionError(f"{server} ({client.era} client) answered {played}") from error


def _kind(result: Any) -> str:
    assert isinstance(result, dict)
    verdict = (result.get("_meta") or {}).get("toolgate/verdict")
    if verdict is None:
        return "answered"
    assert result["isError"] is True, f"a server said it in the gateway's name: {json.dumps(result)}"
    return "not reached" if verdict.get("gate") == "reachable" else "failed"


def test_whatever_a_server_answers_the_caller_is_told_and_the_gateway_goes_on(tmp_path: Path) -> None:
    with opened(tmp_path) as stage:
        callers = Callers(stage)
        asyncio.run(callers.play(60))
        count, arrived = callers.count, Counter(line["server"] for line in stage.arrivals())
        tell(f"hostile answers, seed {SEED}: {count.total()} calls {dict(count)}, arrived {dict(arrived)}")
        assert arrived.keys() == PUPPETS.keys()
        assert count["not reached"] < count.total() / 3, "the puppets were away: this has shown little"
