"""Each time that a run came to stand otherwise: the cause, who it was, and when."""

from gateway.course import course
from gateway.events import Cancelled, Event, Failed, LimitsRaised, Paused, Recorded, Resumed, Started, Succeeded, Waited
from tests.builders import QUEUED, STARTED, held, said, wanted


def told(*events: Event) -> list[tuple[int, str | None, str, str, str]]:
    recorded = [Recorded("r-1", seq, seq * 10, event) for seq, event in enumerate(events, 1)]
    return [(turn.at, turn.before, turn.status, turn.cause, turn.by) for turn in course(recorded)]


def test_what_changes_nothing_is_left_out_and_the_rest_has_cause_person_and_time() -> None:
    assert told(
        QUEUED,
        STARTED,
        *wanted(1, "shop/refund"),
        held(1),
        Waited("approval"),
        LimitsRaised({"turns": 9}, "user:bob"),
        Resumed("people answered"),
        Paused("budget", "spent", "turns"),
        Resumed("it was resumed", "user:ann"),
        Cancelled("user:bob", "enough"),
    ) == [
        (10, None, "queued", "it was submitted", "user:ann"),
        (20, "queued", "running", "a worker took it up", "here/1/a"),
        (60, "running", "waiting", "approval", "here/1/a"),
        (80, "waiting", "running", "people answered", "here/1/a"),
        (90, "running", "paused", "budget: spent", "here/1/a"),
        (100, "paused", "running", "it was resumed", "user:ann"),
        (110, "running", "cancelled", "enough", "user:bob"),
    ]


def test_a_worker_that_takes_over_is_told_and_so_is_how_it_ended() -> None:
    assert told(QUEUED, STARTED, Started("there/2/b"), *said(1, "yes"), Succeeded("yes"))[2:] == [
        (30, "running", "running", "a worker took it up", "there/2/b"),
        (60, "running", "succeeded", "", "there/2/b"),
    ]
    assert told(QUEUED, STARTED, Failed("server", "broken"))[-1][3] == "server: broken"
    assert told(QUEUED, STARTED, Waited("user", "auth: no"))[-1][3] == "user: auth: no"
