"""A page shows, its own form answers; and what somebody changes there is shown to him before it counts."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

from gateway.approval import Approval
from gateway.approving import Approving
from gateway.events import Cancelled
from gateway.identity import Identity
from gateway.keyring import KeyRing
from gateway.serve.people.badge import Badges
from gateway.serve.people.docket import Docket
from gateway.serve.people.visit import Visit
from gateway.serve.people.window import Window
from gateway.serve.response import Response
from tests.fixtures.gateway_app import App, opened
from tests.fixtures.waiting_call import BOB, ESCALATES, REMEMBERS, a_question, setup


class Screen:
    """Bob at the page of Ann's call."""

    def __init__(self, app: App, asked: Approval) -> None:
        self.asked, self.store = asked, app.store
        docket = Docket(Approving(app.store, app.clients.policy, lambda: app.upstreams.catalogue))
        self.window = Window(docket, Badges(KeyRing([bytes(32)])), Identity(BOB, by="an API key"), "cookie")

    async def look(self) -> Response:
        return await self.window.answer(Visit("GET", self.asked.id, [], Identity(BOB)))

    async def press(self, page: Response, decision: str, **form: str) -> Response:
        (token,) = re.findall(r'name="token" value="([^"]+)"', text(page))
        kept = re.findall(r'name="(arguments)" value="([^"]*)"', text(page))
        hidden = {name: unescape(value) for name, value in kept}
        return await self.post({"token": token, "decision": decision, **hidden, **form})

    async def post(self, form: Mapping[str, str]) -> Response:
        headers = [(b"content-type", b"application/x-www-form-urlencoded")]
        return await self.window.answer(Visit("POST", self.asked.id, headers, Identity(BOB), urlencode(form).encode()))

    async def now(self) -> Approval:
        return await self.store.approval(self.asked.id)


def text(response: Response) -> str:
    return bytes(response.body).decode()


def within(tmp_path: Path, scenario: Callable[[Screen], Awaitable[None]], *more: str) -> None:
    async def work() -> None:
        async with asyncio.timeout(60), opened(setup(tmp_path, *more)) as app:
            await scenario(Screen(app, await a_question(app)))

    asyncio.run(work())


def test_a_changed_call_is_shown_as_a_difference_and_made_as_it_was_shown(tmp_path: Path) -> None:
    async def scenario(screen: Screen) -> None:
        draft = await screen.press(await screen.look(), "changed", arguments='{"word": "b"}')
        assert draft.status_code == 200
        assert "May it be made so?" in text(draft)
        assert 'word: "a" -> "b"' in unescape(text(draft))
        assert (await screen.now()) == screen.asked
        done = await screen.press(draft, "approved", reason="b is better")
        assert done.status_code == 200, text(done)
        taken = await screen.now()
        assert (taken.state, taken.arguments, taken.asked_for) == ("approved", '{"word":"b"}', '{"word":"a"}')
        assert (taken.decisions[0].comment, taken.decisions[0].digest) == ("b is better", taken.digest)

    within(tmp_path, scenario)


def test_nothing_that_was_changed_counts_before_it_was_shown(tmp_path: Path) -> None:
    async def scenario(screen: Screen) -> None:
        page = await screen.look()
        for word in ("approved", "remembered"):  # he has changed it, and presses the other button
            shown = await screen.press(page, word, arguments='{"word": "b"}', scope="run", **{"by:0": "on"})
            assert "May it be made so?" in text(shown)
        swapped = await screen.press(shown, "approved", arguments='{"word": "c"}')
        assert 'word: "a" -> "c"' in unescape(text(swapped))
        assert (await screen.now()) == screen.asked

    within(tmp_path, scenario, REMEMBERS)


def test_what_can_not_be_made_so_is_refused_with_why(tmp_path: Path) -> None:
    async def scenario(screen: Screen) -> None:
        page = await screen.look()
        for arguments, status, why in (
            ('{"word": 3}', 422, "word"),
            ('{"word": "no"}', 422, "not this word"),
            ("{", 400, "not JSON"),
            ('{"word": "a", "word": "b"}', 400, "twice"),
            ('{ "word": "a" }', 400, "Nothing is changed"),
        ):
            refused = await screen.press(page, "changed", arguments=arguments)
            assert (refused.status_code, why in unescape(text(refused))) == (status, True), text(refused)
        assert (await screen.press(page, "consumed")).status_code == 403
        assert (await screen.now()) == screen.asked

    within(tmp_path, scenario, "p, *, *, tally/*, call, args.word == 'no', deny, not this word")


def test_a_page_that_has_been_overtaken_decides_nothing(tmp_path: Path) -> None:
    async def scenario(screen: Screen) -> None:
        page = await screen.look()
        draft = await screen.press(page, "changed", arguments='{"word": "b"}')
        await screen.press(page, "denied")
        assert (await screen.press(draft, "approved")).status_code == 409
        assert (await screen.now()).state == "denied"

    within(tmp_path, scenario)


def test_a_yes_may_be_remembered_a_question_handed_up_and_a_run_ended(tmp_path: Path) -> None:
    async def kept(screen: Screen) -> None:
        done = await screen.press(await screen.look(), "remembered", scope="until", until="8h", **{"by:0": "on"})
        assert done.status_code == 200, text(done)
        (found,) = screen.store.lasting.remembered()
        assert (found.scope, found.by, found.fields) == ("until", "user:bob", ())

    async def up(screen: Screen) -> None:
        page = await screen.look()
        assert "Hand it up to role:boss" in text(page)
        assert "It goes to role:boss now." in text(await screen.press(page, "escalated"))
        assert "Hand it up" not in text(await screen.look())
        await screen.press(page, "stopped", reason="enough")
        assert isinstance((await screen.store.events(screen.asked.run_id))[-1].event, Cancelled)

    within(tmp_path, kept, REMEMBERS)
    (tmp_path / "up").mkdir()
    within(tmp_path / "up", up, ESCALATES)
