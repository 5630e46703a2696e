"""Which room answers: who is known gets in, a browser gets pages, and no form counts that is not its own page's."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import urlencode

from gateway.approval import Approval
from gateway.approving import Approving
from gateway.auth import Headers, Refusal
from gateway.identity import Identity
from gateway.keyring import KeyRing
from gateway.serve.people.badge import Badges
from gateway.serve.people.counter import Counter
from gateway.serve.people.docket import Docket
from gateway.serve.people.visit import Visit
from gateway.serve.response import Response
from tests.fixtures.gateway_app import App, opened
from tests.fixtures.waiting_call import ANN, BOB, a_question, setup

HOST = (b"host", b"gate.example")
HTML = (b"accept", b"text/html")
FORM = (b"content-type", b"application/x-www-form-urlencoded")
NOBODY = Refusal(401, "Bearer")


class Keys:
    """Two keys; `revoked` are good no more."""

    revoked: frozenset[str] = frozenset()

    async def authenticate(self, headers: Headers, path: str) -> Identity | Refusal:
        assert path == "/approvals"
        key = dict(headers).get(b"authorization", b"").decode().removeprefix("Bearer ")
        if key == "agents":
            return Refusal(403, "Bearer")
        found = {"anns": ANN, "bobs": BOB}.get(key)
        return Identity(found, by="an API key") if found and key not in self.revoked else NOBODY


class Browser:
    def __init__(self, app: App, asked: Approval, *, logs_in: bool = True) -> None:
        self.asked, self.store, self.keys, self.cookie = asked, app.store, Keys(), ""
        docket = Docket(Approving(app.store, app.clients.policy, lambda: app.upstreams.catalogue))
        keys = Badges(KeyRing([bytes(32)]))
        self.counter = Counter(
            docket, keys, self.keys if logs_in else None, url="https://gate.example" if logs_in else None
        )
        self.who: Identity | Refusal = NOBODY if logs_in else Identity(BOB)

    async def get(self, path: str, *headers: tuple[bytes, bytes]) -> Response:
        return await self.counter.answer(
            Visit("GET", path, [HOST, HTML, (b"cookie", self.cookie.encode()), *headers], self.who)
        )

    async def post(self, path: str, form: Mapping[str, str], *headers: tuple[bytes, bytes]) -> Response:
        given = [HOST, FORM, (b"cookie", self.cookie.encode()), *headers]
        response = await self.counter.answer(Visit("POST", path, given, self.who, urlencode(form).encode()))
        if "set-cookie" in response.headers:
            self.cookie = response.headers["set-cookie"].partition(";")[0]
        return response

    async def log_in(self, key: str) -> Response:
        return await self.post("login", {"credential": key, "at": self.asked.id})

    async def token(self) -> str:
        return str(re.findall(r'name="token" value="([^"]+)"', text(await self.get(self.asked.id)))[0])

    async def state(self) -> str:
        return (await self.store.approval(self.asked.id)).state


def text(response: Response) -> str:
    return bytes(response.body).decode()


def within(tmp_path: Path, scenario: Callable[[Browser], Awaitable[None]], *, logs_in: bool = True) -> None:
    async def work() -> None:
        async with asyncio.timeout(60), opened(setup(tmp_path)) as app:
            await scenario(Browser(app, await a_question(app), logs_in=logs_in))

    asyncio.run(work())


def test_a_person_logs_in_sees_the_call_and_approves_it_by_a_form(tmp_path: Path) -> None:
    async def scenario(browser: Browser) -> None:
        asked = await browser.get(browser.asked.id)
        assert (asked.status_code, "Who are you?" in text(asked)) == (401, True)
        inside = await browser.log_in("bobs")
        assert (inside.status_code, inside.headers["location"]) == (303, f"/approvals/{browser.asked.id}")
        attributes = inside.headers["set-cookie"].split("; ")[1:]
        assert attributes == ["Path=/approvals", "Max-Age=28800", "HttpOnly", "SameSite=Lax", "Secure"]
        assert "bobs" not in inside.headers["set-cookie"]
        shown = await browser.get(browser.asked.id)
        assert "frame-ancestors" in shown.headers["content-security-policy"]
        done = await browser.post(
            browser.asked.id, {"token": await browser.token(), "decision": "approved", "reason": "fine"}
        )
        assert done.status_code == 200, text(done)
        taken = await browser.store.approval(browser.asked.id)
        assert (taken.state, taken.decided_by, taken.reason) == ("approved", "user:bob", "fine")
        assert taken.decisions[0].method == "an API key, in a browser"

    within(tmp_path, scenario)


def test_no_address_decides_and_no_form_of_another_page(tmp_path: Path) -> None:
    async def scenario(browser: Browser) -> None:
        await browser.log_in("bobs")
        token = await browser.token()
        said = {"token": token, "decision": "approved"}
        await browser.get(f"{browser.asked.id}?decision=approved&token={token}")
        await browser.get(browser.asked.id, (b"x-http-method-override", b"POST"))
        refused = [
            await browser.post(browser.asked.id, said, (b"origin", b"http://localhost:3000")),
            await browser.post(browser.asked.id, said, (b"origin", b"null")),
            await browser.post(browser.asked.id, {"decision": "approved"}),
            await browser.post(browser.asked.id, {**said, "token": token[:-4] + "AAAA"}),
            await browser.post(browser.asked.id, {**said, "decision": "maybe"}),
        ]
        assert [response.status_code for response in refused] == [403] * 5
        await browser.log_in("anns")
        assert (await browser.post(browser.asked.id, said)).status_code == 403  # bob's form
        browser.cookie = ""
        assert (await browser.post(browser.asked.id, said)).status_code == 401
        assert await browser.state() == "pending"

    within(tmp_path, scenario)


def test_a_cookie_is_worth_what_its_key_is_and_nothing_to_programs(tmp_path: Path) -> None:
    async def scenario(browser: Browser) -> None:
        await browser.log_in("bobs")
        said = json.dumps({"decision": "approved", "digest": browser.asked.digest}).encode()
        headers = [HOST, (b"content-type", b"application/json"), (b"cookie", browser.cookie.encode())]
        program = await browser.counter.answer(Visit("POST", browser.asked.id, headers, NOBODY, said))
        assert (program.status_code, program.headers["www-authenticate"]) == (401, "Bearer")
        assert (await browser.get("")).status_code == 200
        browser.keys.revoked = frozenset({"bobs"})
        assert (await browser.get("")).status_code == 401
        assert await browser.state() == "pending"

    within(tmp_path, scenario)


def test_who_can_not_log_in_is_told_so_and_gets_no_cookie(tmp_path: Path) -> None:
    async def scenario(browser: Browser) -> None:
        for key, status in (("strange", 401), ("agents", 403), ("x" * 5_000, 400), ("é", 400), ("a\nb", 400)):
            response = await browser.log_in(key)
            assert (response.status_code, "set-cookie" in response.headers) == (status, False)
        away = await browser.post("login", {"credential": "bobs", "at": "//evil.example"})
        assert away.headers["location"] == "/approvals"
        await browser.post("logout", {})
        assert (await browser.get("")).status_code == 401

    within(tmp_path, scenario)


def test_where_nobody_logs_in_the_form_still_needs_the_page(tmp_path: Path) -> None:
    async def scenario(browser: Browser) -> None:
        assert (await browser.post(browser.asked.id, {"decision": "approved"})).status_code == 403
        said = {"token": await browser.token(), "decision": "denied"}
        assert (await browser.post(browser.asked.id, said)).status_code == 200
        assert await browser.state() == "denied"

    within(tmp_path, scenario, logs_in=False)
