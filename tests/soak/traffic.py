"""The traffic of the soak: lanes, each one client at a time, which do one thing after another by the toss of a die."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.approval import Said
from tests.soak.client import NONCE, Client
from tests.soak.line import Answer, Line

__all__ = ["Lane", "Seen"]

Json = Mapping[str, Any]
Decide = Callable[[str, Said], Awaitable[None]]
PATIENCE = 120.0  # seconds for one answer, on a machine that has other things to do
AWAY = (-31003, -31004)  # not sent, in doubt
MODERN_ONES = ("rock2", "sand1", "sand3")
NAMES = 200  # different clients of the modern era


@dataclass
class Seen:
    """What all lanes saw. `confirmed` are the nonces of calls that succeeded, `forbidden` of those that may not arrive.

    `away` counts, by server, the calls that failed because it was away. `wrong` is what must not be.
    """

    done: Counter[str] = field(default_factory=Counter)
    away: Counter[str] = field(default_factory=Counter)
    confirmed: set[str] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)
    rounds: set[str] = field(default_factory=set)  # of calls that were answered only after a question
    wrong: list[str] = field(default_factory=list)
    tools: Any = None  # the list, as it was seen first


class Lane:
    """`decide` answers an approval, as a person would in another process."""

    def __init__(self, number: int, rng: random.Random, place: tuple[str, int], seen: Seen, decide: Decide) -> None:
        self._number, self._rng, self._place, self._seen, self._decide = number, rng, place, seen, decide
        self._count = 0
        self._client = self._newcomer()

    async def run(self, until: float, servers: list[str]) -> None:
        """Works until that time (monotonic), and leaves nothing behind."""
        await self._client.introduce()
        try:
            while time.monotonic() < until:
                await self._once(self._rng.choice(servers))
            await self._client.leave()
        finally:
            self._client.line.drop()

    async def _once(self, server: str) -> None:
        (act,) = self._rng.choices(list(WEIGHTS), list(WEIGHTS.values()))
        try:
            async with asyncio.timeout(PATIENCE):
                await act(self, server)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, AssertionError, LookupError, ValueError) as error:
            self._wrong(f"{act.__name__} at {server}: {error!r}")
            self._client.line.drop()
        self._seen.done[act.__name__] += 1

    def _wrong(self, what: str) -> None:
        self._seen.wrong.append(f"lane {self._number} ({self._client.era}): {what[:2000]}")

    def _newcomer(self) -> Client:
        era = self._rng.choice(["modern", "legacy"])
        return Client(Line(*self._place), era, f"client-{self._rng.randrange(NAMES)}")

    def nonce(self) -> str:
        self._count += 1
        return f"n-{self._number}-{self._count}-{self._rng.randrange(1 << 32):08x}"

    # ---- what it does

    async def list_tools(self, _server: str) -> None:
        result = (await self._client.request("tools/list")).last["result"]
        tools = [(tool["name"], tool["inputSchema"]) for tool in result["tools"]]
        self._seen.tools = self._seen.tools or tools
        assert tools == self._seen.tools, f"another list: {tools}"
        assert not [name for name, _ in tools if name.endswith("danger")]

    async def echo(self, server: str) -> None:
        await self._call(server, "echo", {})

    async def steps(self, server: str) -> None:
        await self._call(server, "steps", {"steps": self._rng.randint(1, 5)}, progress=True)

    async def large(self, server: str) -> None:
        await self._call(server, "large", {"size": self._rng.choice([20_000, 100_000, 600_000])})

    async def wait(self, server: str) -> None:
        await self._call(server, "wait", {"seconds": self._rng.uniform(0.01, 0.5)})

    async def give_up(self, server: str) -> None:
        """Hangs up on a slow call, or takes it back."""
        nonce = self.nonce()
        wanted = {"name": f"{server}__wait", "arguments": {"nonce": nonce, "seconds": 4}}
        asked = asyncio.ensure_future(self._client.request("tools/call", wanted))
        await asyncio.sleep(self._rng.uniform(0.0, 0.3))
        if self._client.era == "legacy" and self._rng.random() < 0.5:
            aside = Line(*self._place)
            await self._client.cancel(aside)
            aside.drop()
            self._mine(await asked, nonce)
            return
        self._client.line.drop()
        await asyncio.gather(asked, return_exceptions=True)

    async def denied(self, server: str) -> None:
        tool, more = self._rng.choice([("danger", {}), ("checked", {"size": 1001})])
        await self._refused(f"{server}__{tool}", more, ("known", "permitted"))

    async def misfit(self, server: str) -> None:
        await self._refused(f"{server}__echo", {"size": "large"}, ("valid",))
        await self._refused(f"{server}__nowhere", {}, ("known",))

    async def held(self, server: str) -> None:
        """Asks, is answered by a person, and asks again."""
        given, decision = {"nonce": self.nonce()}, self._rng.choice(["approved", "approved", "denied"])
        first = await self._asked(f"{server}__hold", given)
        if _verdict(first).get("gate") == "reachable":
            self._away(server)
            return
        assert _verdict(first)["effect"] == "ask", first
        await self._decide(_verdict(first)["approval"], "denied" if decision == "denied" else "approved")
        if decision == "denied":
            self._seen.forbidden.add(given["nonce"])
            second = await self._asked(f"{server}__hold", given)
            assert _verdict(second)["effect"] == "deny", second
            return
        self._judge(server, given, await self._asked(f"{server}__hold", given))

    async def read(self, server: str) -> None:
        nonce = self.nonce()
        uri = f"nonce://{server}/{nonce}"
        answer = await self._client.request("resources/read", {"uri": uri})
        self._mine(answer, nonce)
        if self._found(server, answer):
            assert answer.last["result"]["contents"] == [{"uri": uri, "text": uri}], answer

    async def get(self, server: str) -> None:
        nonce = self.nonce()
        answer = await self._client.request("prompts/get", {"name": f"{server}__say", "arguments": {"nonce": nonce}})
        self._mine(answer, nonce)
        if self._found(server, answer):
            assert nonce in answer.last["result"]["messages"][0]["content"]["text"], answer

    async def ask(self, server: str) -> None:
        """Is asked for a word, if both speak the modern era, and gives it.

        With an older server each such client would have a process of its own: there may be 64 of them, for minutes.
        """
        if self._client.era == "modern" and server in MODERN_ONES:
            self._client.capabilities = {"elicitation": {"form": {}}}
            try:
                await self._answer_questions(server)
            finally:
                self._client.capabilities = {}

    async def _answer_questions(self, server: str) -> None:
        given, word = {"nonce": self.nonce()}, f"word {self._rng.random()}"
        wanted = {"name": f"{server}__ask", "arguments": given}
        first = await self._asked(f"{server}__ask", given)
        if first.get("isError"):
            self._judge(server, given, first)
            return
        assert first["resultType"] == "input_required", first
        assert first["inputRequests"]["q"]["params"]["message"] == f"{server} asks: {given['nonce']}", first
        answers = {"q": {"action": "accept", "content": {"word": word}}}
        again = {**wanted, "inputResponses": answers, "requestState": first["requestState"]}
        answer = await self._client.request("tools/call", again)
        self._mine(answer, given["nonce"])
        result = answer.last["result"]
        if self._judge(server, given, result, said=[answers, f"state of {given['nonce']}"]):
            self._seen.rounds.add(given["nonce"])
            assert word in answer.text

    async def turn_over(self, _server: str) -> None:
        """Another client comes in the place of this one, whose session is over."""
        old, session = self._client, self._client.session
        await old.leave()
        if session:
            old.session = session
            late = await old.request("tools/call", {"name": "rock1__echo", "arguments": {"nonce": self._doomed()}})
            assert late.status == 404, late
        old.line.drop()
        self._client = self._newcomer()
        await self._client.introduce()

    async def listen(self, _server: str) -> None:
        """Opens a stream for what servers may say, and hangs up."""
        if self._client.era == "legacy":
            status = await self._client.listen()
            assert status in (200, 409), status  # 409: it has not been noticed yet that the one before was dropped
            self._client.line.drop()

    async def answered(self, server: str) -> bool:
        """Whether a call to this server succeeds now."""
        await self._client.introduce()
        await self.echo(server)
        await self._client.leave()
        self._client.line.drop()
        return bool(self._seen.confirmed)

    # ---- whether it is right

    def _doomed(self) -> str:
        """A nonce that no server may see."""
        nonce = self.nonce()
        self._seen.forbidden.add(nonce)
        return nonce

    async def _call(self, server: str, tool: str, more: Json, *, progress: bool = False) -> None:
        given = {"nonce": self.nonce(), **more}
        meta = {"_meta": {"progressToken": given["nonce"]}} if progress else {}
        answer = await self._client.request("tools/call", {"name": f"{server}__{tool}", "arguments": given, **meta})
        self._mine(answer, given["nonce"])
        for told in answer.messages[:-1]:
            assert told["params"]["progressToken"] == given["nonce"], told
            assert told["params"]["message"] == given["nonce"], told
        if self._judge(server, given, answer.last["result"]) and progress:
            assert len(answer.messages) == given["steps"] + 1, answer.messages

    async def _asked(self, name: str, given: Json) -> Json:
        answer = await self._client.request("tools/call", {"name": name, "arguments": given})
        self._mine(answer, given["nonce"])
        result: Json = answer.last["result"]
        return result

    async def _refused(self, name: str, more: Json, gates: tuple[str, ...]) -> None:
        result = await self._asked(name, {"nonce": self._doomed(), **more})
        assert result["isError"] is True, result
        assert _verdict(result)["effect"] == "deny", result
        assert _verdict(result)["gate"] in (*gates, "reachable"), result

    def _mine(self, answer: Answer, nonce: str) -> None:
        """No answer names another call, and it has the request's own id."""
        others = set(NONCE.findall(answer.text)) - {nonce}
        assert not others, f"{nonce} was answered with {others}: {answer.text[:500]}"
        assert answer.last.get("id") == self._client.number, answer.text[:500]

    def _found(self, server: str, answer: Answer) -> bool:
        """Whether a resource or a prompt was there; if not, its server must have been away."""
        if "error" not in answer.last:
            return True
        assert server.startswith("sand"), answer
        assert answer.last["error"]["code"] in AWAY, answer
        self._away(server)
        return False

    def _judge(self, server: str, given: Json, result: Json, **more: Any) -> bool:
        """Whether it succeeded. If not, its server must have been away."""
        if result.get("isError"):
            assert _verdict(result)["effect"] == "allow" or _verdict(result).get("gate") == "reachable", result
            assert server.startswith("sand"), f"{server} is never away: {result}"
            self._away(server)
            return False
        assert result["structuredContent"] == {"nonce": given["nonce"], **more}, result
        assert result["content"][0]["text"] == given["nonce"] + "." * given.get("size", 0)
        assert given["nonce"] not in self._seen.confirmed
        self._seen.confirmed.add(given["nonce"])
        return True

    def _away(self, server: str) -> None:
        self._seen.away[server] += 1


def _verdict(result: Json) -> Json:
    verdict: Json = result["_meta"]["toolgate/verdict"]
    return verdict


WEIGHTS: Mapping[Callable[[Lane, str], Awaitable[None]], float] = {
    Lane.echo: 40,
    Lane.list_tools: 4,
    Lane.steps: 6,
    Lane.large: 5,
    Lane.wait: 6,
    Lane.give_up: 5,
    Lane.denied: 8,
    Lane.misfit: 4,
    Lane.held: 4,
    Lane.read: 4,
    Lane.get: 3,
    Lane.ask: 3,
    Lane.turn_over: 2,
    Lane.listen: 2,
}
