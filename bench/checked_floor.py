"""A second floor: what keeps our promises costs, without a gateway around it.

`passthrough`, and between parsing and rewriting what no gateway of ours can leave out: the policy is asked, the
admission is durable before a byte leaves, and the outcome is durable before the answer does, each with its budget. By
the parts that the product uses (`Policy`, `SqliteStore`); no protocol, no schema, no spans, no eras, no pins.

    python -m bench.checked_floor URL
"""

import asyncio
import hashlib
import json
import sys
import tempfile
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from bench.framing import body_of, with_length
from bench.listening import Messages, serve
from bench.project import RULES
from bench.rules import policy_text
from gateway.budget import Limits, Spend
from gateway.call import Subject, Tool
from gateway.events import Admitted, Queued, Returned, Started
from gateway.policy import Query, RunFacts
from gateway.policy.load import parse
from gateway.store import Reserve, Settle, run_account
from gateway.store.sqlite import SqliteStore

__all__: list[str] = []

_ALLOWED = {"up__echo": "echo", "up__large": "large"}
_TOOLS = {name: Tool("up", name, {"type": "object"}, "0" * 64) for name in _ALLOWED.values()}
_ANN = Subject("user:bench", "acme")
_A_CALL = Spend(tool_calls=1)
_RUN = "r-floor"
_ACCOUNT = run_account(_RUN)


class _Upstream(Messages):
    """One pooled connection: it carries one call at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._answer: asyncio.Future[bytes] | None = None

    def call(self, request: bytes) -> "asyncio.Future[bytes]":
        self._answer = asyncio.get_running_loop().create_future()
        self.send(request)
        return self._answer

    def received(self, message: bytes) -> None:
        if self._answer is not None:
            self._answer.set_result(message)


class _Parts:
    """What all connections share."""

    def __init__(self, url: str, store: SqliteStore) -> None:
        parts = urlsplit(url)
        self.host, self.port, self.store = parts.hostname or "", parts.port or 80, store
        self.policy = parse(policy_text(RULES))
        self.idle: deque[_Upstream] = deque()
        self.calls = 0

    async def answered(self, message: bytes) -> bytes:
        request = json.loads(body_of(message))
        params = request["params"]
        tool, arguments = _TOOLS[_ALLOWED[params["name"]]], params["arguments"]
        params["name"] = tool.name
        canonical = json.dumps(arguments, sort_keys=True, separators=(",", ":"))
        query = Query(_ANN, "call", f"up/{tool.name}", arguments, tool, RunFacts(), datetime.now(UTC))
        decision = self.policy.decide(query)
        if decision.effect != "allow":
            raise RuntimeError("the rules of the benchmark allow this call")
        self.calls += 1
        key = f"c{self.calls}"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        admitted = Admitted(key, f"up/{tool.name}", canonical, digest, self.policy.digest, _A_CALL.to_json())
        await self.store.append(_RUN, [admitted], lease=None, changes=[Reserve(_ACCOUNT, _A_CALL, Limits())])
        answer = await self._forwarded(tool.name, json.dumps(request).encode())
        returned = Returned(key, {"kind": "succeeded", "digest": hashlib.sha256(answer).hexdigest()}, _A_CALL.to_json())
        await self.store.append(_RUN, [returned], lease=None, changes=[Settle(_ACCOUNT, _A_CALL, _A_CALL)])
        return answer

    async def _forwarded(self, name: str, body: bytes) -> bytes:
        headers = {"host": f"{self.host}:{self.port}", "content-type": "application/json", "mcp-name": name}
        upstream = self.idle.pop() if self.idle else await self._connected()
        answer = await upstream.call(with_length("POST /mcp HTTP/1.1", headers, body))
        self.idle.append(upstream)
        return answer

    async def _connected(self) -> _Upstream:
        _, upstream = await asyncio.get_running_loop().create_connection(_Upstream, self.host, self.port)
        return upstream


class CheckedFloor(Messages):
    def __init__(self, parts: _Parts) -> None:
        super().__init__()
        self._parts = parts
        self._tasks: set[asyncio.Task[None]] = set()

    def received(self, message: bytes) -> None:
        task = asyncio.ensure_future(self._answer(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: bytes) -> None:
        self.send(await self._parts.answered(message))


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "toolgate.db", synchronous="normal")
        await store.append(_RUN, [Queued("client", _ANN.user, _ANN.tenant), Started("bench")], lease=None)
        parts = _Parts(sys.argv[1], store)
        try:
            await serve(lambda: CheckedFloor(parts))
        finally:
            store.close()


if __name__ == "__main__":
    asyncio.run(main())
