"""Moments as dates: whatever is on record is shown."""

from typing import Any

import pytest

from gateway.dates import LATEST, dated


def test_a_moment_is_the_date_that_it_is() -> None:
    assert dated(1_764_180_000_123).isoformat() == "2025-11-26T18:00:00.123000+00:00"


@pytest.mark.parametrize(
    ("odd", "shown"),
    [(2**62, LATEST), (2**70, LATEST), (-5, 0), (1e300, LATEST), (float("nan"), 0), ("x", 0), (None, 0)],
)
def test_what_is_no_moment_that_can_be_shown_is_the_nearest_one(odd: Any, shown: int) -> None:
    assert dated(odd) == dated(shown)
    dated(odd).astimezone().strftime("%Y-%m-%d %H:%M:%S")  # wherever we are
