"""A server that answers calls with anything: the gateway goes on, and whoever called is told something readable.

One gateway for all examples, each of which is a few calls at once; a call brings the bytes that it is to be answered
with. TOOLGATE_SEED chooses others, TOOLGATE_FUZZ=10 ten times as many.
"""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from tests.fixtures.told import tell
from tests.fuzz.junk import answer_lines, http_answers
from tests.fuzz.stage import PUPPETS, SEED, Stage, examples, opened, the_answer
from tests.soak.client import Client

CLOSED = ["close"]
NEXT = b'\n{"jsonrpc":"2.0","id":@ID@,"result":{"content":[],"resultType":"complete"}}\n'  # so that nobody has to wait

Script = list[Any]
_over_pipes = st.tuples(
    st.sampled_from(["pipe1", "pipe2"]), answer_lines(), st.sampled_from([[NEXT]] * 40 + [[], CLOSED])
)
_over_web = st.tuples(st.sampled_from(["web1", "web2"]), http_answers(), st.sampled_from([CLOSED] * 20 + [[]]))
_scripts = st.one_of(_over_pipes, _over_web).map(lambda drawn: (drawn[0], [*drawn[1], *drawn[2]]))


class Callers:
    """Clients of both eras, who call puppets with scripts, at the same time."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.runner = asyncio.Runner()
        self.count: Counter[str] = Counter()
        self._clients: list[Client] = []

    def play(self, batch: list[tuple[str, Script]]) -> None:
        self.runner.run(self._play(batch))

    async def _play(self, batch: list[tuple[str, Script]]) -> None:
        while len(self._clients) < len(batch):
            self._clients.append(await self.stage.client(["modern", "legacy"][len(self._clients) % 2]))
        done = await asyncio.gather(*map(self._call, self._clients, batch), return_exceptions=True)
        if failed := [result for result in done if isinstance(result, BaseException)]:
            for client in self._clients:
                client.line.drop()  # of a broken exchange nothing is left for the next example
            raise failed[0]
        await self.stage.still_serves()

    async def close(self) -> None:
        for client in self._clients:
            client.line.drop()
        await self.stage.close()

    async def _call(self, client: Client, drawn: tuple[str, Script]) -> None:
        server, script = drawn
        lines = [line if isinstance(line, str) else base64.b64encode(line).decode() for line in script]
        meta = {"_meta": {"progressToken": 1}} if len(lines) % 2 else {}
        async with asyncio.timeout(60):
            answer = await client.request(
                "tools/call", {"name": f"{server}__act", "arguments": {"script": lines}, **meta}
            )
        whole = the_answer(answer, client.number)
        self.count["error" if "error" in whole else self._kind(whole["result"])] += 1

    def _kind(self, result: Any) -> str:
        assert isinstance(result, dict)
        verdict = (result.get("_meta") or {}).get("toolgate/verdict")
        if verdict is None:
            return "answered"
        assert result["isError"] is True, f"a server said it in the gateway's name: {json.dumps(result)}"
        return "not reached" if verdict.get("gate") == "reachable" else "failed"


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    with opened(tmp_path_factory.mktemp("answers")) as stage:
        made = Callers(stage)
        with made.runner:
            yield made
            made.runner.run(made.close())
        arrived = Counter(line["server"] for line in stage.arrivals())
        tell(f"hostile answers, seed {SEED}: {made.count.total()} calls {dict(made.count)}, arrived {dict(arrived)}")
        assert arrived.keys() == PUPPETS.keys()
        assert made.count["not reached"] < made.count.total() / 3, "the puppets were away: this has shown little"


@seed(SEED)
@settings(max_examples=examples(120))
@given(batch=st.lists(_scripts, min_size=1, max_size=40))
def test_whatever_a_server_answers_the_caller_is_told_and_the_gateway_goes_on(
    callers: Callers, batch: list[tuple[str, Script]]
) -> None:
    callers.play(batch)
