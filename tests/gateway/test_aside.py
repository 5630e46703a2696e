"""The duties of long results are seen to beside everybody else."""

import asyncio
import json
import threading
from typing import Any

import pytest

from gateway import aside
from gateway.aside import SHORT, fulfilled_aside
from gateway.call import Answered, Outcome, Refused
from gateway.duties import Duties
from gateway.fulfilment import fulfilled
from gateway.verbatim import read

SSN = "123-45-6789"


def rows(count: int) -> Answered:
    value = {"rows": [{"ssn": SSN, "n": number} for number in range(count)]}
    return Answered(read(json.dumps({"content": [], "structuredContent": value}).encode()))


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each outcome was looked through where everybody else is served."""
    found: list[bool] = []

    def noted(*told: Any) -> Outcome:
        found.append(threading.current_thread() is threading.main_thread())
        return fulfilled(*told)

    monkeypatch.setattr(aside, "fulfilled", noted)
    return found


@pytest.mark.parametrize(
    ("outcome", "duties", "here"),
    [
        (rows(10), Duties(("ssn",)), True),
        (rows(2_000), Duties(("ssn",)), False),
        (rows(2_000), Duties(max_result_bytes=1024**2), True),
        (Refused(-32000, f"ssn {SSN}", None), Duties(("ssn",)), False),
    ],
)
def test_what_is_long_is_looked_through_in_a_thread(
    outcome: Outcome, duties: Duties, here: bool, places: list[bool]
) -> None:
    found = asyncio.run(fulfilled_aside(outcome, duties, "call", None))
    assert places == [here]
    assert (SSN in str(found)) is not duties.redacts


def test_long_is_what_takes_more_than_some_milliseconds() -> None:
    assert len(json.dumps(dict(rows(10).result))) < SHORT < len(json.dumps(dict(rows(2_000).result)))
