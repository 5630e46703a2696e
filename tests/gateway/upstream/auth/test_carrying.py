"""Real calls to a real MCP server that takes tokens of a real authorization server, in both eras, on both lanes."""

import asyncio
import dataclasses
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from gateway.call import Answered, Call, InDoubt, Outcome, Refused, Subject, Unsent
from gateway.upstream import Http, ServerSpec, Upstreams
from gateway.upstream.auth.authority import SUBJECT_TOKEN_TYPES, Authority, ClientKeys
from gateway.upstream.auth.carrying import CarryingTransport, Message, certificates, post
from gateway.upstream.auth.client_credentials import ClientCredentials
from gateway.upstream.auth.credentials import Carrier, Credentials
from gateway.upstream.auth.grant import Grant
from gateway.upstream.auth.login import LogIn
from gateway.upstream.auth.on_behalf import Assertion, OnBehalf, TokenExchange
from gateway.upstream.auth.subject_tokens import SubjectTokens
from gateway.upstream.auth.user_tokens import UserTokens
from gateway.upstream.auth.vault import Binding, Vault
from gateway.upstream.pool import Pool, Replied
from gateway.upstream.pulse import answers
from gateway.upstream.spec import Era
from tests.fixtures.auth_server import SECRET, AuthServer
from tests.gateway.upstream.auth.conftest import ANN, BOB
from tests.gateway.upstream.test_pool import BODY, served
from tests.gateway.upstream.test_pool import answers as answering


@dataclass
class Place:
    """The two servers, what is kept of users, and one way to connect."""

    auth: AuthServer
    authority: Authority
    vault: Vault
    browser: Callable[[str], Awaitable[None]]
    era: Era
    call: Callable[..., Call]
    upstreams: Callable[..., Upstreams]

    async def log_in(self, subject: Subject = ANN, more: str = "") -> None:
        """As if it had been a minute ago."""
        grant = await LogIn(self.authority, self.browser, headers={}, more=more).run()
        old = dataclasses.replace(grant, obtained=grant.obtained - 60)
        self.vault.write(Binding.of(subject, "tracker", self.authority.resource), old)

    def end_tokens(self) -> None:
        """All access tokens have ended, a minute after they were granted."""
        self.auth.end_tokens()
        for kept in list(self.vault.all()):
            self.vault.write(kept.binding, dataclasses.replace(kept.grant, obtained=time.time() - 60))

    def connected(self, credentials: Credentials | None = None) -> Upstreams:
        """To be entered; the connection is ann's."""
        carrier = Carrier(credentials or Credentials(UserTokens(self.authority, self.vault)), ANN)
        return self.upstreams(ServerSpec("tracker", Http(self.authority.url, carrier=carrier), era=self.era))

    async def outcome(self, up: Upstreams, subject: Subject = ANN, timeout: float = 30) -> Outcome:
        call = dataclasses.replace(self.call("tracker/whoami"), subject=subject)
        return await up.forward(call, timeout=timeout, meta={})

    async def said(self, up: Upstreams, subject: Subject = ANN) -> str:
        outcome = await self.outcome(up, subject)
        assert isinstance(outcome, Answered), outcome
        return str(outcome.result["content"][0]["text"])


@pytest.fixture(params=["modern", "legacy"])
def place(request: pytest.FixtureRequest) -> Place:
    names = ("auth", "authority", "vault", "browser", "call", "upstreams")
    return Place(era=request.param, **{name: request.getfixturevalue(name) for name in names})


def test_a_call_is_made_with_the_token_of_whoever_is_logged_in(place: Place) -> None:
    async def go() -> None:
        await place.log_in()
        async with place.connected() as up:
            assert up.status()[0].state == "ready", up.status()[0].error
            assert up.status()[0].era == place.era
            assert await place.said(up) == "ann"

    asyncio.run(go())
    assert place.auth.calls == ["ann"]


def test_a_token_that_ends_in_between_is_renewed_and_the_call_runs_once(place: Place) -> None:
    async def go() -> None:
        await place.log_in()
        async with place.connected() as up:
            for _ in range(3):
                place.end_tokens()
                assert await place.said(up) == "ann"
            assert up.status()[0].restarts == 0

    asyncio.run(go())
    assert place.auth.calls == ["ann"] * 3
    assert len([form for form in place.auth.asked("/token") if form["grant_type"] == "refresh_token"]) == 3


def test_a_401_is_answered_with_one_more_attempt_and_no_third(place: Place) -> None:
    async def go() -> tuple[Outcome, int]:
        await place.log_in()
        async with place.connected() as up:
            place.auth.knobs.whoami_refused = 1000
            before = len(_calls(place.auth))
            outcome = await place.outcome(up)
            return outcome, len(_calls(place.auth)) - before

    outcome, attempts = asyncio.run(go())
    assert attempts == 2
    assert outcome == Refused(
        401,
        "server `tracker` answered HTTP 401: it does not take the credentials of `user:ann`: "
        "log in with `toolgate login tracker --as user:ann --tenant acme`",
    )
    assert place.auth.calls == []


def test_without_a_log_in_the_server_is_down_and_says_what_to_type(place: Place) -> None:
    async def go() -> None:
        async with place.connected() as up:
            (status,) = up.status()
            needed = "`user:ann` is not logged in: log in with `toolgate login tracker --as user:ann --tenant acme`"
            assert (status.state, status.error) == ("down", needed)
            assert place.auth.posts == []  # not even asked
            outcome = await place.outcome(up, timeout=0.1)
            assert isinstance(outcome, Unsent)
            assert "toolgate login tracker" in outcome.why

    asyncio.run(go())


def test_a_log_in_that_is_taken_away_in_between_fails_the_call_and_nothing_else(place: Place) -> None:
    async def go() -> None:
        await place.log_in()
        async with place.connected() as up:
            for kept in list(place.vault.all()):
                place.vault.remove(kept.binding)
            outcome = await place.outcome(up)
            assert isinstance(outcome, Unsent)
            assert "`user:ann` is not logged in: log in with `toolgate login tracker" in outcome.why
            assert up.status()[0].state == "ready"
            if place.era == "modern":  # a legacy session is bound to the client that began it, and ends with it
                await place.log_in()
                assert await place.said(up) == "ann"
                assert up.status()[0].restarts == 0

    asyncio.run(go())


def test_a_server_that_can_not_be_asked_for_want_of_a_log_in_is_not_taken_for_gone(place: Place) -> None:
    async def go() -> None:
        await place.log_in()
        async with place.connected() as up:
            for kept in list(place.vault.all()):
                place.vault.remove(kept.binding)
            connection = up._servers["tracker"].connection  # noqa: SLF001 - whom the pulse asks
            assert connection is not None
            before = connection.said()
            assert await answers(connection, 5)
            assert connection.said() == before

    asyncio.run(go())


def test_a_log_in_in_another_process_brings_the_server_up(place: Place, until: Any) -> None:
    async def go() -> None:
        async with place.connected() as up:
            assert up.status()[0].state == "down"
            await place.log_in()
            await until(up, lambda: up.status()[0].state == "ready")
            assert await place.said(up) == "ann"

    asyncio.run(go())


def test_a_call_of_another_subject_never_goes_out_with_the_owners_token(place: Place) -> None:
    async def go() -> None:
        await place.log_in()
        async with place.connected() as up:
            outcome = await place.outcome(up, BOB)
            assert isinstance(outcome, Unsent)
            assert outcome.why == (
                "server `tracker`: `user:bob` is not logged in: "
                "log in with `toolgate login tracker --as user:bob --tenant acme`"
            )
            assert await place.said(up) == "ann"  # the connection is as it was
            assert up.status()[0].restarts == 0
            place.auth.knobs.user = "bob"  # he only has to log in
            await place.log_in(BOB)
            assert [await place.said(up, subject) for subject in (BOB, ANN, BOB)] == ["bob", "ann", "bob"]

    asyncio.run(go())
    assert place.auth.calls[0] == "ann"


def test_many_subjects_at_once_are_never_mixed_up(place: Place) -> None:
    users = [Subject(f"user:{name}", "acme") for name in ("ann", "bob", "eve", "joe")]

    async def one(up: Upstreams, subject: Subject) -> None:
        assert await place.said(up, subject) == subject.user.removeprefix("user:")

    async def go() -> None:
        for subject in users:
            place.auth.knobs.user = subject.user.removeprefix("user:")
            await place.log_in(subject)
        async with place.connected() as up:
            for _ in range(3):
                place.end_tokens()  # all of them renew in the midst of it
                await asyncio.gather(*(one(up, subject) for subject in users * 5))

    asyncio.run(go())
    for shared in ("session", "peer"):  # a session of the older era, a connection of the modern one
        held: dict[str, set[str]] = {}
        for said in place.auth.posts:
            if said[shared] and said["user"]:
                held.setdefault(said[shared], set()).add(said["user"])
        assert all(len(owners) == 1 for owners in held.values()), (shared, held)


def test_the_gateways_own_credentials_serve_everybody(place: Place) -> None:
    async def go() -> None:
        pinned = dataclasses.replace(place.authority, issuer=place.auth.issuer)
        async with place.connected(Credentials(ClientCredentials(pinned, ClientKeys("machine", SECRET)))) as up:
            assert await place.said(up) == await place.said(up, BOB) == "machine"

    asyncio.run(go())
    assert len(place.auth.asked("/token")) == 1


def test_scopes_that_are_missing_are_named_with_the_log_in_that_brings_them(place: Place, until: Any) -> None:
    async def go() -> None:
        await place.log_in()
        async with place.connected() as up:
            place.auth.knobs.call_scopes = "notes:write admin"
            outcome = await place.outcome(up)
            assert outcome == Unsent(
                "server `tracker`: it wants the scopes `notes:write`, `admin` of `user:ann`: log in with "
                "`toolgate login tracker --as user:ann --tenant acme --scope notes:write --scope admin`"
            )
            assert len(_calls(place.auth)) == 1
            assert place.auth.calls == []
            await place.log_in(more="notes:write admin")
            if place.era == "legacy":  # a session is bound to the client that began it, and ends with it
                assert isinstance(await place.outcome(up), Unsent)
                await until(up, lambda: up.status()[0].restarts == 1 and up.status()[0].state == "ready")
            assert await place.said(up) == "ann"

    asyncio.run(go())


def trusted(place: Place, kind: str, **more: Any) -> Credentials:
    """Credentials that need no person: the gateway's own, or an exchange for ann's and bob's."""
    pinned = dataclasses.replace(place.authority, issuer=place.auth.issuer, **more)
    keys = ClientKeys("machine", SECRET)
    if kind == "client_credentials":
        return Credentials(ClientCredentials(pinned, keys))
    tokens = SubjectTokens()
    for subject, text in ((ANN, "brought-by-ann"), (BOB, "brought-by-bob")):
        place.auth.brought[text] = subject.user.removeprefix("user:")
        tokens.keep(subject, text)
    access = SUBJECT_TOKEN_TYPES["access_token"]
    trades: dict[str, Any] = {
        "token_exchange": TokenExchange(pinned, keys, access),
        "id_jag": Assertion(pinned, keys, access, place.auth.issuer, keys),
    }
    return Credentials(OnBehalf(pinned, tokens, trades[kind]))


KINDS = ("client_credentials", "token_exchange", "id_jag")


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_person_scopes_that_are_missing_are_got_once_and_kept(place: Place, kind: str) -> None:
    async def go() -> None:
        async with place.connected(trusted(place, kind)) as up:
            await place.said(up)
            place.auth.knobs.call_scopes = "read write"
            asked, sent, ran = len(place.auth.asked("/token")), len(_calls(place.auth)), len(place.auth.calls)
            await place.said(up)
            assert len(_calls(place.auth)) - sent == 2  # refused, and once more
            assert len(place.auth.calls) - ran == 1
            assert set(place.auth.asked("/token")[-1]["scope"].split()) == {"read", "write"}
            await place.said(up)
            assert len(_calls(place.auth)) - sent == 3
            assert len(place.auth.asked("/token")) - asked == (2 if kind == "id_jag" else 1)

    asyncio.run(go())


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_never_content_is_asked_twice_and_later_once(place: Place, kind: str) -> None:
    async def go() -> None:
        async with place.connected(trusted(place, kind)) as up:
            place.auth.knobs.call_scopes, place.auth.knobs.grants = "write", ""
            for attempts in (2, 1):  # what was asked for in vain is not asked for again
                asked, sent = len(place.auth.asked("/token")), len(_calls(place.auth))
                outcome = await place.outcome(up)
                why = "it wants the scope `write`, and the credentials of `user:ann` have no more"
                why = f"server `tracker` answered HTTP 403: {why}"
                assert outcome == Refused(403, why)
                assert len(_calls(place.auth)) - sent == attempts
                assert bool(len(place.auth.asked("/token")) - asked) == (attempts == 2)
            assert place.auth.calls == []

    asyncio.run(go())


@pytest.mark.parametrize("kind", KINDS)
def test_no_server_gets_more_than_the_configured_scopes(place: Place, kind: str) -> None:
    async def go() -> None:
        async with place.connected(trusted(place, kind, scopes="read")) as up:
            await place.said(up)
            place.auth.knobs.call_scopes = "admin"
            outcome = await place.outcome(up)
            assert isinstance(outcome, Unsent)
            assert "it wants the scope `admin`, and `scopes` of `[servers.tracker]` in toolgate.toml is `read`" in (
                outcome.why
            )
            assert len(_calls(place.auth)) == 2

    asyncio.run(go())
    assert {form["scope"] for form in place.auth.asked("/token") if "scope" in form} == {"read"}


def test_nothing_that_was_granted_is_in_any_log_or_error(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []

    async def go() -> None:
        await place.log_in()
        async with place.connected() as up:
            for status in (200, 200, 500):  # the answer with 500 repeats what it was sent
                place.auth.knobs.token_status = status
                shown.append(repr(await place.outcome(up, timeout=5)))
                shown.append(repr(up.status()))
                place.end_tokens()
            shown.append(repr(up._servers["tracker"].spec.transport))  # noqa: SLF001 - whatever prints it

    asyncio.run(go())
    text = "\n".join([caplog.text, *map(repr, caplog.records), *shown])
    assert len(place.auth.secrets) > 4
    assert not [secret for secret in place.auth.secrets if secret in text]


class Source:
    """`t0`, then `t1`, ..., to anybody."""

    server, per_subject = "tracker", False

    def __init__(self) -> None:
        self.count = 0

    def current(self, subject: Subject | None) -> Grant | None:
        del subject
        return Grant(f"t{self.count}", 0.0)

    async def obtain(self, subject: Subject | None, old: Grant | None, challenge: str | None) -> Grant | None:
        del old, challenge
        self.count += 1
        return self.current(subject)

    def mend(self, subject: Subject | None) -> str:
        del subject
        return "look there"

    async def widen(self, subject: Subject | None, old: Grant | None, scopes: Sequence[str]) -> Grant | None:
        return await self.obtain(subject, old, " ".join(scopes))


async def sent(response: bytes, timeout: float = 30) -> tuple[Any, list[bytes]]:
    """What comes of a call that is answered with these bytes, and what the server was sent."""
    async with served(answering(response)) as (url, seen):
        pool = Pool(Http(url), connect_timeout=60)
        reply = await post(pool, Carrier(Credentials(Source())), None, Message(1, BODY, {}), timeout)
        await pool.aclose()
        return reply, seen.requests


async def sent_in_time(response: bytes) -> tuple[Any, list[bytes]]:
    """The same, of an answer that never ends; with more time, if it is over before the call could be sent."""
    for seconds in (0.2, 1.0, 5.0, 25.0):
        reply, requests = await sent(response, seconds)
        if requests:
            break
    return reply, requests


def test_on_the_wire_of_our_pool_nothing_but_a_refusal_of_credentials_is_ever_sent_again() -> None:

    def answer(status: str, body: bytes = b"", more: bytes = b"") -> bytes:
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n".encode()
        return head + more + b"\r\n" + body

    async def go() -> None:
        for status in (
            "200 OK",
            "400 Bad Request",
            "403 Forbidden",
            "404 Not Found",
            "429 Slow",
            "500 Broken",
            "503 Gone",
        ):
            reply, requests = await sent(answer(status))
            assert len(requests) == 1, status
            assert b"authorization: Bearer t0" in requests[0]
        result = b'{"jsonrpc":"2.0","id":1,"result":{}}'
        reply, requests = await sent(answer("401 Unauthorized", result))
        assert len(requests) == 1  # it says 401, and has done it
        assert isinstance(reply, Replied)
        assert "result" in reply.message
        reply, requests = await sent_in_time(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 99\r\n\r\ncut")
        assert len(requests) == 1  # cut off: it is not known what it was
        assert isinstance(reply, InDoubt)
        error = b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"who are you"}}'
        for body in (b"", error):
            reply, requests = await sent(answer("401 Unauthorized", body, b"WWW-Authenticate: Bearer\r\n"))
            assert [request.split(b"Bearer ")[1][:2] for request in requests] == [b"t0", b"t1"]
            assert requests[0].replace(b"t0", b"t1") == requests[1]  # the same bytes but for the token
            assert isinstance(reply, Replied)
        scopes = b'WWW-Authenticate: Bearer error="insufficient_scope", scope="a"\r\n'
        for body, attempts in ((b"", 2), (error, 2), (result, 1)):
            reply, requests = await sent(answer("403 Forbidden", body, scopes))
            assert len(requests) == attempts
        reply, requests = await sent(answer("400 Bad Request", b"", scopes))
        assert len(requests) == 1

    asyncio.run(go())


def transported(url: str, status: int, method: str = "POST") -> tuple[httpx2.Response, list[str | None]]:
    """The answer below the SDK's client, and the credentials of each request that was sent for it."""
    sent: list[str | None] = []

    async def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.headers.get("authorization"))
        return httpx2.Response(status)

    async def go() -> httpx2.Response:
        carrier = Carrier(Credentials(Source()))
        transport = CarryingTransport(carrier, "https://tracker.example/mcp", httpx2.MockTransport(answer))
        async with httpx2.AsyncClient(transport=transport) as client:
            return await client.request(method, url)

    return asyncio.run(go()), sent


@pytest.mark.parametrize("status", [200, 202, 400, 403, 404, 408, 429, 500, 502, 503])
def test_below_the_sdks_client_nothing_but_a_401_is_ever_sent_again(status: int) -> None:
    response, sent = transported("https://tracker.example/mcp", status)
    assert (response.status_code, sent) == (status, ["Bearer t0"])


def test_below_the_sdks_client_a_401_is_sent_again_once() -> None:
    response, sent = transported("https://tracker.example/mcp", 401)
    assert sent == ["Bearer t0", "Bearer t1"]
    assert "the server answered HTTP 401: it does not take the credentials: look there" in response.text
    stream, sent = transported("https://tracker.example/mcp", 401, "GET")
    assert (stream.status_code, sent) == (401, ["Bearer t0", "Bearer t1"])


@pytest.mark.parametrize(
    "url", ["https://evil.example/mcp", "http://tracker.example/mcp", "https://tracker.example:444/mcp"]
)
def test_another_origin_than_the_servers_gets_no_token(url: str) -> None:
    assert transported(url, 200)[1] == transported(url, 401)[1] == [None]


def _calls(auth: AuthServer) -> list[dict[str, str]]:
    return [headers for headers in auth.posts if headers.get("mcp-method") == "tools/call"]


def test_where_no_certificate_will_be_shown_none_would_be_trusted() -> None:
    assert certificates("https://tools.test/mcp") is True
    nobody = certificates("http://127.0.0.1:80/mcp")
    assert isinstance(nobody, ssl.SSLContext)
    assert (nobody.verify_mode, nobody.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert nobody.cert_store_stats()["x509"] == 0
