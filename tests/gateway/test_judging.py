"""What the gates are asked, with all that they may know."""

import asyncio
from pathlib import Path

from gateway.admission import FIRST, Work
from gateway.budget import Limits, Spend
from gateway.call import Allow, Ask
from gateway.judging import Judging
from gateway.parties import CallSettings
from gateway.tracing import Place, Tracing
from tests.builders import a_call
from tests.fixtures.parts import ANN, arrivals, opened, tally


def test_a_call_is_judged_and_nothing_is_made_or_recorded_of_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path, tally(tmp_path)) as stage:
            parts = (stage.upstream, stage.store, stage.policy, Tracing(stage.recorder), CallSettings(), stage.booking)
            judging = Judging(*parts)
            work = Work(Place("r-1", ANN, Limits(), Spend()))
            verdicts = []
            for path in ("desk/put", "desk/send"):
                call, facts, verdict = await judging.judged(a_call(path, subject=ANN), work, FIRST)
                assert (call.path, facts.policy) == (path, stage.policy.glance)
                verdicts.append(type(verdict))
            assert verdicts == [Allow, Ask]
            assert arrivals(tmp_path) == []
            assert await stage.files.events("r-1") == []

    asyncio.run(scenario())
