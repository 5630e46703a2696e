"""The ladder that every request climbs, before anybody looks at its body."""

import asyncio
import json
from dataclasses import replace

import pytest

from gateway.auth import Headers, Refusal
from gateway.call import Subject
from gateway.identity import Identity
from gateway.profile import WHOLE, Profile
from gateway.serve.asking import ASKER, Asker
from gateway.serve.door import MAX_HEAD, MAX_HEADERS, Door, Entry, Scope
from gateway.serve.origins import Origins
from gateway.serve.response import Response, in_json

LOCAL = Subject("user:me", "here", "agent:desk")
PART = Profile("part", ["echo"])


class Known:
    """Knows one word. It counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def authenticate(self, headers: Headers, path: str) -> Identity | Refusal:
        self.asked.append(path)
        given = dict(headers).get(b"authorization")
        if given == b"Bearer ann":
            return Identity(Subject("user:ann", "acme"))
        if given == b"Bearer ann again":
            return Identity(Subject("user:ann", "acme", since=200.0))
        return Refusal(503, retry_after=5) if given == b"Bearer later" else Refusal(401, "Bearer")


async def page(who: Identity | None) -> Response:
    return in_json({"who": str(who.subject) if who else None})


ENTRY = Entry(LOCAL, profiles={"part": PART}, pages={"/page": page})


def scope(path: str = "/mcp", *headers: tuple[bytes, bytes], method: str = "POST") -> Scope:
    host = (b"host", b"127.0.0.1:8765")
    return {"type": "http", "method": method, "path": path, "headers": [host, *headers], "state": {}}


def answer(door: Door, request: Scope) -> Response | None:
    return asyncio.run(door.let_in(request))


def status(door: Door, request: Scope) -> int:
    """0 when it got in."""
    response = answer(door, request)
    return response.status_code if response else 0


def bearer(word: str) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {word}".encode()


def test_without_a_log_in_whoever_comes_is_the_local_user() -> None:
    request = scope("/mcp", bearer("whatever"))
    assert answer(Door(ENTRY), request) is None
    assert request["state"][ASKER] == Asker(LOCAL, WHOLE)
    assert b"authorization" not in dict(request["headers"])


def test_with_a_log_in_only_who_is_known_gets_in_and_as_himself() -> None:
    known = Known()
    door = Door(replace(ENTRY, authenticator=known))
    request = scope("/mcp/part", bearer("ann"))
    assert answer(door, request) is None
    assert request["state"][ASKER] == Asker(Subject("user:ann", "acme", "agent:desk"), PART)
    assert (request["path"], request["raw_path"]) == ("/mcp", b"/mcp")
    assert b"ann" not in repr(request["headers"]).encode()
    assert known.asked == ["/mcp/part"]  # once


def test_each_request_says_when_its_own_credential_was_shown() -> None:
    door = Door(replace(ENTRY, authenticator=Known()))
    since = []
    for word in ("ann", "ann again", "ann"):
        request = scope("/mcp", bearer(word))
        assert answer(door, request) is None
        since.append(request["state"][ASKER].subject.since)
    assert since == [None, 200.0, None]


@pytest.mark.parametrize("path", ["/mcp", "/mcp/part", "/mcp/nothing", "/", "/admin", "/page/", "/PAGE"])
def test_with_a_log_in_a_stranger_learns_nothing_of_what_is_there(path: str) -> None:
    request = scope(path, bearer("eve"))
    response = answer(Door(replace(ENTRY, authenticator=Known())), request)
    assert response
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert json.loads(bytes(response.body)) == {"error": "who are you?"}
    assert ASKER not in request["state"]


def test_when_nobody_can_be_known_it_is_said_for_how_long() -> None:
    response = answer(Door(replace(ENTRY, authenticator=Known())), scope("/mcp", bearer("later")))
    assert response
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize(
    "path", ["/mcp/nothing", "/mcp/part/", "/mcp//part", "/mcp/part/x", "/mcpx", "/", "", "/mcp/../page", "/MCP"]
)
def test_there_is_nothing_elsewhere(path: str) -> None:
    assert status(Door(ENTRY), scope(path)) == 404


def test_a_slash_behind_it_is_forgiven() -> None:
    assert status(Door(ENTRY), scope("/mcp/")) == 0


def test_pages_are_for_all_and_know_who_logged_in() -> None:
    door = Door(replace(ENTRY, authenticator=Known()))
    for headers, who in (([], None), ([bearer("eve")], None), ([bearer("later")], None), ([bearer("ann")], "user:ann")):
        response = answer(door, scope("/page", *headers, method="GET"))
        assert response
        assert json.loads(bytes(response.body)) == {"who": who}
    assert status(door, scope("/page", method="POST")) == 405


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ([(b"x", b"y")] * MAX_HEADERS, 431),
        ([(b"x", b"y" * MAX_HEAD)], 431),
        ([(b"content-length", b"4194305")], 413),
        ([(b"content-length", b"9" * 4000)], 413),
        ([(b"content-encoding", b"gzip")], 415),
        ([(b"transfer-encoding", b"gzip, chunked")], 501),
        ([(b"origin", b"https://evil.test")], 403),
        ([(b"sec-fetch-site", b"cross-site")], 403),
        ([(b"host", b"127.0.0.1:8765")], 400),
    ],
)
@pytest.mark.parametrize("path", ["/mcp", "/page", "/nothing"])
def test_the_head_is_looked_at_for_every_path_before_anybody_is_asked_who_he_is(
    path: str, headers: list[tuple[bytes, bytes]], wanted: int
) -> None:
    known = Known()
    response = answer(Door(replace(ENTRY, authenticator=known)), scope(path, bearer("ann"), *headers))
    assert response
    assert (response.status_code, response.headers["connection"]) == (wanted, "close")
    assert known.asked == []


def test_another_host_is_not_us() -> None:
    assert status(Door(ENTRY), {**scope(), "headers": [(b"host", b"evil.test")]}) == 421


def test_after_it_is_closed_nobody_new_comes_in() -> None:
    door = Door(ENTRY)
    door.close()
    response = answer(door, scope())
    assert response
    assert (response.status_code, response.headers["retry-after"], response.headers["connection"]) == (
        503,
        "1",
        "close",
    )


# ---- pages of other origins

LISTED = replace(
    ENTRY,
    pages={"/page": page, "/.well-known/oauth-protected-resource": page},
    origins=Origins(origins=("https://app.test", "https://dev.test:*")),
)
PREFLIGHT = (b"access-control-request-method", b"POST")


def of(origin: str) -> tuple[bytes, bytes]:
    return b"origin", origin.encode()


@pytest.mark.parametrize("path", ["/mcp", "/mcp/part", "/page"])
def test_a_preflight_of_a_listed_origin_is_answered_before_anybody_is_asked_who_he_is(path: str) -> None:
    known = Known()
    door = Door(replace(LISTED, authenticator=known))
    assert status(door, scope(path, of("https://app.test"), PREFLIGHT, method="OPTIONS")) == 204
    assert known.asked == []


@pytest.mark.parametrize("origin", ["https://evil.test", "https://app.test.evil.test", "null", "http://app.test"])
def test_a_preflight_of_another_origin_is_refused(origin: str) -> None:
    assert status(Door(LISTED), scope("/mcp", of(origin), PREFLIGHT, method="OPTIONS")) == 403


def test_a_preflight_is_bounded_as_all_requests_are() -> None:
    asked = (b"access-control-request-headers", b"mcp-param-a," * MAX_HEAD)
    assert status(Door(LISTED), scope("/mcp", of("https://app.test"), PREFLIGHT, asked, method="OPTIONS")) == 431


def test_who_may_see_the_answers() -> None:
    door = Door(LISTED)
    assert door.page_of(scope("/mcp", of("https://app.test"))) == b"https://app.test"
    assert door.page_of(scope("/mcp/part", of("https://dev.test:81"))) == b"https://dev.test:81"
    assert door.page_of(scope("/mcp", of("https://evil.test"))) is None
    assert door.page_of(scope("/mcp", of("http://localhost:3000"))) is None  # it may ask what any page may, unseen
    assert door.page_of(scope("/mcp")) is None
    assert door.page_of(scope("/approvals/A-1", of("https://app.test"))) is None
    assert door.page_of(scope("/runs/R-1/events", of("https://app.test"))) is None


def test_what_oauth_clients_are_told_any_page_may_read() -> None:
    path = "/.well-known/oauth-protected-resource"
    door, site = Door(LISTED), (b"sec-fetch-site", b"cross-site")
    assert status(door, scope(path, of("https://any.test"), site, method="GET")) == 200
    assert status(door, scope(path, of("https://any.test"), PREFLIGHT, method="OPTIONS")) == 204
    assert door.page_of(scope(path, of("https://any.test"))) == b"https://any.test"
    assert Door(ENTRY).page_of(scope(path, of("https://any.test"))) is None  # there is no such page
    elsewhere = scope(path, of("https://any.test"), method="GET")
    elsewhere["headers"][0] = (b"host", b"evil.test")
    assert status(door, elsewhere) == 421
