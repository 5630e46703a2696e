import pytest
from pydantic import ValidationError

from gateway.config.queueing import QueueConfig
from gateway.config.settings import ScheduleConfig


def test_a_worker_drives_four_runs_at_once_if_nothing_is_said_and_there_are_no_limits() -> None:
    queue = QueueConfig()
    assert (queue.engine, queue.concurrency, queue.tenant, queue.agent, queue.model) == (
        "embedded",
        4,
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    "said", [{"concurrency": 0}, {"tenant": 0}, {"tenants": {"acme": 0}}, {"engine": "another"}, {"workers": 4}]
)
def test_what_makes_no_sense_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        QueueConfig.model_validate(said)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"cron": "noon"}, "it is no cron expression"),
        ({"zone": "Europe/Bern"}, "unknown time zone `Europe/Bern`"),
        ({"late": 5}, "write a time with its unit"),
    ],
)
def test_a_schedule_that_can_not_fire_is_refused_with_what_to_do(said: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        ScheduleConfig.model_validate({"cron": "@daily", "text": "count the bells"} | said)
