"""What may follow what: the table itself is tested with `gateway.run`, whose course it says."""

import pytest

from gateway.conversation import UserSpoke
from gateway.errors import IllegalEvent
from gateway.events import Resumed, Started
from gateway.transitions import ENDED, FROM_OUTSIDE, TRANSITIONS, after


def test_what_comes_from_outside_never_says_that_a_run_works() -> None:
    moved = {status: TRANSITIONS[status].get(event) for status in TRANSITIONS for event in FROM_OUTSIDE}
    assert "running" not in {after for status, after in moved.items() if status != "running"}


@pytest.mark.parametrize("status", sorted(ENDED))
def test_to_a_run_that_has_ended_nobody_says_anything(status: str) -> None:
    with pytest.raises(IllegalEvent, match=f"in a run that is {status}"):
        after(status, UserSpoke("more", "user:ann"))  # type: ignore[arg-type]


def test_only_what_the_table_has_may_follow() -> None:
    assert after("queued", Started("here")) == "running"
    with pytest.raises(IllegalEvent, match="`started` may not follow in a run that is not queued"):
        after(None, Started("here"))


def test_who_is_resumed_and_had_not_begun_is_queued_again() -> None:
    assert after("paused", Resumed("it was resumed", queued=True)) == "queued"
    assert after("paused", Resumed("it was resumed")) == "running"
    with pytest.raises(IllegalEvent):
        after("running", Resumed("it was resumed", queued=True))
