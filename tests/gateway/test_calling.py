"""The calls of a run: made, made again, in doubt. The whole path is tested with the loop."""

from dataclasses import replace

from gateway.budget import Limits, Spend
from gateway.calling import now, seconds_left
from gateway.run import Run


def test_a_run_has_the_time_left_that_it_has_not_worked_and_a_moment_at_least() -> None:
    run = Run("r-1", active=now() + 60_000)
    assert seconds_left(run) is None
    limited = replace(run, limits=Limits(millis=10_000))
    assert seconds_left(limited) == 10
    assert seconds_left(replace(limited, spend=Spend(millis=20_000))) == 0.1
