"""`toolgate schedules`: which runs are submitted by the clock."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.gateway.cli.conftest import Command

SCHEDULES = """
[schedules.nightly]
cron = "30 2 * * *"
zone = "Europe/Berlin"
text = "count the bells"
[schedules.off]
cron = "@hourly"
text = "nothing"
disabled = true
"""


def test_schedules_are_listed_with_the_moment_at_which_each_fires_next(
    bare: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    (bare / "toolgate.toml").write_text((bare / "toolgate.toml").read_text() + SCHEDULES)
    nightly, off = toolgate("schedules", "--json").json
    assert (nightly["name"], nightly["agent"], nightly["zone"]) == ("nightly", "desk", "Europe/Berlin")
    assert nightly["next"] % 60_000 == 0
    assert off["next"] is None
    golden("cli_schedules", [{**nightly, "next": "<a moment>"}, off])
    shown = toolgate("schedules").out.splitlines()
    assert "02:30 CE" in shown[0]
    assert "disabled" in shown[1]


def test_without_schedules_it_says_how_to_make_one(bare: Path, toolgate: Command) -> None:
    done = toolgate("schedules")
    assert (done.code, done.out) == (0, "")
    assert "[schedules.NAME]" in done.err
