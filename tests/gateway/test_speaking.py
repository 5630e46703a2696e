"""How a run speaks with its model: looked up once, and anew when it is another."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.agents import Agent
from gateway.budget import Limits, Price
from gateway.call import Subject
from gateway.journal import Journal
from gateway.run import Run
from gateway.speaking import Speaking
from gateway.store import Lease
from gateway.turn import Model
from providers import Deadlines
from tests.fixtures.parts import RULES, Replies, Stage, opened, tally

CLERK = Agent("clerk", "Be brief.", "tiny", tools=("desk/put", "desk/look"))
RUN = Run("run-1", subject=Subject("user:ann", "acme", "agent:clerk"), model="tiny", turn=1)


class Asked:
    """Who was looked up, and `speaking` for a run that a test changes as it likes."""

    def __init__(self, stage: Stage, run: Run = RUN) -> None:
        self.names: list[object] = []
        self.journal = Journal(stage.store, Lease("run-1", "me", 1), run=run)
        parts = replace(stage.parts(Replies()), agent=self._agent, model=self._model)
        self.speaking = Speaking(parts, self.journal, lambda _event: None)

    def _agent(self, name: str | None) -> Agent:
        self.names.append(name)
        return CLERK

    def _model(self, name: str, most: int | None) -> Model:
        self.names.append((name, most))
        return Model(Replies(), f"{name}-1", Price(), Deadlines(total=60.0), most_output=700)


def on_stage(folder: Path, scenario: Callable[[Stage], Any]) -> None:
    async def play() -> None:
        async with opened(folder, tally(folder)) as stage:
            await scenario(stage)

    asyncio.run(play())


def test_the_agent_is_looked_up_once_and_the_model_until_another_is_chosen(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        asked = Asked(stage)
        first = [asked.speaking.request().model for _ in range(2)]
        asked.journal.run = replace(RUN, model="other")
        assert await asked.speaking.fits(2)
        assert [*first, asked.speaking.request().model] == ["tiny-1", "tiny-1", "other-1"]
        assert asked.names == ["clerk", ("tiny", None), ("other", None)]
        assert asked.speaking.request().max_output_tokens == 700  # as its model is said to answer at most

    on_stage(tmp_path, scenario)


def test_tools_are_offered_anew_when_the_policy_is_another(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        asked = Asked(stage)
        nobody_knows, before = asked.speaking.traces, asked.speaking.offer
        assert asked.speaking.offer is before
        assert (nobody_knows, asked.speaking.traces) == (True, False)
        stage.rule(f"p, *, *, desk/put, call, , deny, not today\n{RULES}")
        assert await stage.policy.settled() is not None
        assert [[tool.name for tool in offer.shown] for offer in (before, asked.speaking.offer)] == [
            ["desk__look", "desk__put"],
            ["desk__look"],
        ]

    on_stage(tmp_path, scenario)


def test_a_reply_may_take_no_longer_than_its_run_may_work(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        at = time.time_ns() // 1_000_000
        free, bound = RUN, replace(RUN, limits=Limits(millis=5_000), active=at + 3_600_000)  # nothing is worked yet
        totals = [Asked(stage, run).speaking.request().deadlines.total for run in (free, bound)]
        assert totals == [60.0, 5.0]

    on_stage(tmp_path, scenario)
