"""Kill -9 in each state of an approval: nothing lost, nothing twice, and the record says what is true."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.approval import Approval
from gateway.call import Subject
from gateway.events import Denied, Held, Returned
from tests.fixtures import forked
from tests.fixtures.killed import CALL, MOMENTS, TWO
from tests.fixtures.parts import ANN, BOB, ROOT, RULES, Stage, arrivals, opened, tally
from tests.fixtures.stores import put_into

EVE = Subject("user:eve", "acme")
ROWS: list[tuple[str, ...]] = []

# What the same call gets after the death, and how often the server was reached when all have answered.
AFTERWARDS: dict[str, tuple[type[Any], int]] = {
    "before the question is kept": (Held, 1),
    "the question is kept": (Held, 1),
    "one of two has agreed": (Held, 1),
    "people have agreed": (Returned, 1),
    "people have agreed to another amount": (Returned, 1),
    "people have refused": (Denied, 0),
    "before the admission is kept": (Returned, 1),
    "admitted, and nothing sent": (Held, 0),
    "sent, and no answer kept": (Held, 1),
    "the answer is kept": (Held, 1),
}


@pytest.fixture(scope="module", autouse=True)
def table(request: pytest.FixtureRequest) -> Iterator[None]:
    """The states, printed behind the tests."""
    yield
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{'killed when':<38} {'approval':<9} {'then the same call':<18} reached  store")  # noqa: T201
        for moment, state, then, reached, kept in sorted(ROWS, key=lambda row: (row[4], list(MOMENTS).index(row[0]))):
            print(f"{moment:<38} {state:<9} {then:<18} {reached:<8} {kept}")  # noqa: T201


def kill(folder: Path, moment: str) -> None:
    command = [sys.executable, "-m", "tests.fixtures.killed", str(folder), moment]
    done = forked.run(command, cwd=ROOT, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr


async def after(stage: Stage) -> list[Approval]:
    return list(await stage.files.approvals(pending_only=False))


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_in_each_state_of_an_approval_nothing_is_lost_and_nothing_happens_twice(
    tmp_path: Path, moment: str, database: Callable[[], str | None]
) -> None:
    url = database()
    put_into(tmp_path, url)
    kill(tmp_path, moment)
    expected, reached = AFTERWARDS[moment]

    async def scenario() -> None:
        rules = TWO if moment == "one of two has agreed" else RULES
        async with opened(tmp_path, tally(tmp_path), rules=rules) as stage:
            before = await after(stage)
            assert [one.state for one in before] == ([MOMENTS[moment]] if MOMENTS[moment] else [])
            async with stage.clients().run(ANN, "an editor") as client:
                then = await client.call("desk__send", CALL)
                assert isinstance(then, expected)
                await agree_where_it_was_only_asked(stage, before)
                if isinstance(then, Held) and then.approval_id in {one.id for one in before} | unasked(before, then):
                    assert isinstance(await client.call("desk__send", CALL), Returned)
                assert isinstance(await client.call("desk__send", CALL), Held | Denied)
            state = before[0].state if before else "none"
            kept = "PostgreSQL" if url else "SQLite"
            ROWS.append((moment, state, type(then).__name__, str(len(arrivals(tmp_path, "send"))), kept))
            sent = [each["arguments"] for each in arrivals(tmp_path, "send")]
            assert sent == [{"amount": 100} if "another amount" in moment else CALL] * reached

    asyncio.run(scenario())


def unasked(before: list[Approval], held: Held) -> set[str]:
    """The question that was put now, where none had been kept."""
    return set() if before else {held.approval_id}


async def agree_where_it_was_only_asked(stage: Stage, before: list[Approval]) -> None:
    """People answer what was open when the gateway died, or was asked for the first time now."""
    if before and before[0].state != "pending":
        return
    (asked,) = await stage.approving.waiting()
    await stage.approving.decide(EVE if asked.approvers else BOB, asked.id, "approved")
