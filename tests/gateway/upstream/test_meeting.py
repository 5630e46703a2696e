"""A server is met in the era that is remembered of it, and anew where that is not true any more."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.upstream import Eras, ServerSpec, Stdio, Upstreams
from gateway.upstream.eras import fingerprint

ONE_ERA = """
import json, sys
era, modern = sys.argv[1], "2026-07-28"
said = {"capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}
known = {
    "initialize": ("legacy", {"protocolVersion": "2025-11-25"}),
    "server/discover": ("modern", {"supportedVersions": [modern], "ttlMs": 0, "cacheScope": "private"}),
}
for line in sys.stdin:
    asked = json.loads(line)
    of, result = known.get(asked["method"], ("", {}))
    answer = {"result": said | result} if of == era else {"error": {"code": -32601, "message": "no"}}
    if "id" in asked:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"]} | answer), flush=True)
"""


@pytest.mark.parametrize(("before", "now"), [("modern", "legacy"), ("legacy", "modern")])
def test_a_server_of_another_era_than_was_remembered_is_there_at_its_first_start(
    tmp_path: Path, before: Any, now: str
) -> None:
    file = tmp_path / "eras.json"
    transport = Stdio(sys.executable, ("-S", "-c", ONE_ERA, now))
    mark = fingerprint("s", transport)
    Eras(file).learn(mark, before)  # it was replaced since

    async def connect() -> None:
        async with Upstreams({"s": ServerSpec("s", transport)}, Eras(file)) as up:
            assert up.catalogue.missing == {}
            assert [(one.state, one.era, one.restarts) for one in up.status()] == [("ready", now, 0)]

    asyncio.run(asyncio.wait_for(connect(), 60))
    assert Eras(file).of(mark) == now


def test_one_that_went_away_without_an_answer_is_not_asked_twice(tmp_path: Path) -> None:
    program = "import pathlib, sys; file = pathlib.Path(sys.argv[1]); file.open('a').write('x'); sys.stdin.readline()"
    starts = tmp_path / "starts"
    transport = Stdio(sys.executable, ("-S", "-c", program, str(starts)))
    eras = Eras()
    eras.learn(fingerprint("s", transport), "legacy")

    async def connect() -> None:
        async with Upstreams({"s": ServerSpec("s", transport)}, eras) as up:
            assert up.catalogue.missing.keys() == {"s"}
            assert starts.read_text(encoding="utf-8") == "x"

    asyncio.run(asyncio.wait_for(connect(), 60))


def test_a_prescribed_era_is_neither_looked_up_nor_remembered() -> None:
    transport = Stdio(sys.executable, ("-S", "-c", ONE_ERA, "modern"))
    eras, mark = Eras(), fingerprint("s", transport)
    eras.learn(mark, "legacy")

    async def connect() -> None:
        async with Upstreams({"s": ServerSpec("s", transport, era="modern")}, eras) as up:
            assert up.status()[0].era == "modern"

    asyncio.run(asyncio.wait_for(connect(), 60))
    assert eras.of(mark) == "legacy"
