"""How a client follows the tasks that wait for a person, or have waited for one."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.approval import Approval
from gateway.call import Answered, Deny, JsonObject, Unsent
from gateway.caller import NOBODY
from gateway.clients import ClientRun
from gateway.errors import UnknownTask
from gateway.events import Held
from gateway.following import Following, Inquiry, Unfollowed
from gateway.store import Open
from tests.builders import QUEUED, a_call, an_approval
from tests.fixtures.following import ANN, POLICY, Servers, within
from tests.fixtures.gateway_app import App, Setup, opened, spec
from tests.fixtures.served import ECHO

KEY = "ghp_" + "a1B2" * 9
ASK = "p, *, *, echo/echo, call, , ask, a person looks at it"


def test_the_beginning_of_an_approvals_id_is_no_task(tmp_path: Path) -> None:
    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            held = await run.call("echo__add", {"a": 1, "b": 2})
            assert isinstance(held, Held)
            with pytest.raises(UnknownTask):
                await following.get(Inquiry(held.approval_id[:10], run, NOBODY))

    within(tmp_path, Answered({}), scenario)


async def agreed(app: App, run: ClientRun, following: Following) -> str:
    """A call that was made since somebody agreed to it: its task."""
    held = await run.call("echo__echo", {"text": KEY})
    assert isinstance(held, Held)
    await app.store.decide(held.approval_id, "approved", "user:bob", "")
    while "working" in str(await following.get(Inquiry(held.approval_id, run, NOBODY))):
        pass
    return held.approval_id


async def told_under(tmp_path: Path, *lines: str) -> tuple[JsonObject | Unfollowed, JsonObject | Unfollowed]:
    """What the client is told of such a task, before and after these lines were added to the policy."""
    setup = Setup(tmp_path, {"echo": spec("echo", ECHO)})
    setup.write_policy(POLICY[0], ASK)
    async with opened(setup) as app, app.clients.run(ANN, "a client") as run:
        following = Following(app.clients, Servers(lambda: app.upstreams.catalogue, Unsent("away")))
        inquiry = Inquiry(await agreed(app, run, following), run, NOBODY)
        before = await following.get(inquiry)
        setup.write_policy(POLICY[0], ASK, *lines)
        after = await following.get(inquiry)
        await following.close()
        return before, after


def test_a_result_on_record_is_told_within_the_duties_of_today(tmp_path: Path) -> None:
    secrets = "o, *, *, echo/echo, call, , redact=@secrets, keys stay inside"
    before, after = asyncio.run(told_under(tmp_path, secrets))
    assert KEY in str(before)
    assert KEY not in str(after)
    assert "completed" in str(after)


def test_a_result_on_record_is_kept_from_whoever_may_not_make_the_call_any_more(tmp_path: Path) -> None:
    before, after = asyncio.run(told_under(tmp_path, "p, *, *, echo/echo, call, , deny, never again"))
    assert KEY in str(before)
    assert isinstance(after, Deny)
    assert (after.gate, after.why) == ("permitted", "never again")


LATER = 1 << 50  # milliseconds since 1970
ASKED = an_approval(call=a_call("echo/echo", {"text": "x"}, subject=ANN), expires=LATER)
OF_A_CLIENT = replace(ASKED, claim=ASKED.digest)
OF_A_PROMPT = replace(ASKED, action="get")


async def open_question(app: App, approval: Approval) -> None:
    await app.store.append(approval.run_id, [QUEUED], lease=None, changes=(Open(approval),))


def test_a_question_about_a_clients_call_is_his_task(tmp_path: Path) -> None:
    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            await open_question(app, OF_A_CLIENT)
            told = await following.get(Inquiry("A-1", run, NOBODY))
            assert isinstance(told, Mapping)
            assert (told["taskId"], told["status"]) == ("A-1", "working")

    within(tmp_path, Answered({}), scenario)


@pytest.mark.parametrize(
    "approval",
    [ASKED, replace(OF_A_PROMPT, claim=OF_A_PROMPT.asked.digest)],
    ids=["of a run that we drive", "of a prompt"],
)
def test_a_question_about_anything_else_is_no_task(tmp_path: Path, approval: Approval) -> None:
    """Though the same person asks: who follows a task can have its call made, or take its question back."""

    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            await open_question(app, approval)
            for work in (following.get, following.update, following.cancel):
                with pytest.raises(UnknownTask):
                    await work(Inquiry("A-1", run, NOBODY, answers={}))
            assert (await app.store.approval("A-1")).state == "pending"

    within(tmp_path, Answered({}), scenario)
