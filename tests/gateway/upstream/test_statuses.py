"""What servers say by HTTP statuses: in one wording on every lane, with the server's name, and with what to do."""

import asyncio
from typing import Any

import pytest

from gateway.call import Answered, InDoubt, Outcome, Refused, Unsent
from gateway.upstream import Http, ServerSpec, Upstreams
from gateway.upstream.statuses import answered, explained
from tests.fixtures.mirror_http import Mirror
from tests.gateway.upstream.test_redirects import serving

PATIENCE = 60.0
ELSEWHERE = "http://127.0.0.1:9"


class Refusing(Mirror):
    """Refuses calls with a status, and does all else."""

    status = 0

    def answer(self, status: int, data: bytes) -> None:
        if b'"content"' not in data:
            super().answer(status, data)
            return
        self.send_response(self.status)
        self.send_header("location", f"{ELSEWHERE}/mcp")
        self.send_header("content-length", "0")
        self.end_headers()


SAID = {
    307: "it redirects, which is not followed",
    401: "it wants credentials that it knows, which `headers` or `auth` of its entry give",
    403: "it does not allow this with the credentials that it got",
    404: "there is nothing at its address, the `url` of its entry",
    410: "",
    429: "it is asked too often",
    500: "",
    503: "",
}


@pytest.mark.parametrize("era", ["modern", "legacy"])
@pytest.mark.parametrize("status", SAID)
def test_a_call_is_told_the_same_on_either_lane_and_which_server_it_was(status: int, era: Any, call: Any) -> None:
    why = f"server `s` answered HTTP {status}" + (f": {SAID[status]}" if SAID[status] else "")
    outcome = asyncio.run(asyncio.wait_for(called(status, era, call), PATIENCE))
    assert outcome == (InDoubt(why) if status >= 500 else Refused(status, why))


async def called(status: int, era: Any, call: Any) -> Outcome:
    with serving(Refusing, status=status) as (host, _seen):
        async with Upstreams({"s": ServerSpec("s", Http(f"http://{host}/mcp"), era=era)}) as up:
            return await up.forward(call("s/act", {"n": 1}), timeout=30, meta={})


def test_whoever_runs_the_gateway_is_told_where_a_redirect_leads_and_a_caller_is_not() -> None:
    why = answered(307, f"nothing is sent to {ELSEWHERE} unless that is the `url` of its entry")
    assert why == (
        "the server answered HTTP 307: it redirects, which is not followed: "
        f"nothing is sent to {ELSEWHERE} unless that is the `url` of its entry"
    )
    told = Refused(307, "server `shop` answered HTTP 307: it redirects, which is not followed")
    assert explained("shop", Refused(307, why)) == told


def test_our_own_words_have_the_name_and_a_servers_are_its_own() -> None:
    assert explained("shop", Unsent("the connection ended")) == Unsent("server `shop`: the connection ended")
    for outcome in (Refused(1, "the server is full", [1]), Answered({})):
        assert explained("shop", outcome) is outcome


def test_what_a_library_says_is_told_in_our_words_and_what_a_server_says_as_it_said_it() -> None:
    words = "[Errno -2] Name or service not known"
    assert explained("shop", Unsent(words)) == Unsent("server `shop`: the name of its host can't be looked up")
    assert explained("shop", InDoubt("ReadError")) == InDoubt("server `shop`: the connection broke")
    assert explained("shop", Refused(1, words)) == Refused(1, words)
