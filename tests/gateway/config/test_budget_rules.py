"""`[budgets.NAME]`: what it says, and how mistakes in it are told."""

from pathlib import Path

import pytest

from gateway.accounts import Budget
from gateway.budget import Limits
from gateway.config.budgets import read_budgets
from gateway.config.documents import toml_document
from gateway.errors import ConfigError
from gateway.windows import Window
from gateway.zones import zone_named


def budget(lines: str) -> Budget:
    (found,) = read_budgets(toml_document(f"[budgets.b]\n{lines}", "budgets.toml", Path())).standing
    return found


def refused(lines: str) -> str:
    with pytest.raises(ConfigError) as wrong:
        budget(lines)
    return str(wrong.value)


def test_everything_that_it_may_say() -> None:
    found = budget("""
        tool = ["shop/refund", "shop/pay"]
        subject = "user:*"
        each = ["subject", "tool"]
        per = "day"
        zone = "Europe/Berlin"
        tool_calls = 20
        usd = "$5.00"
        tokens = "200k tokens"
        wall_time = "15m"
        questions = 3
        errors = 2
        then = "tell"
        warn_at = "90%"
    """)
    assert found == Budget(
        name="b",
        limits=Limits(tool_calls=20, nanos=5_000_000_000, tokens=200_000, millis=900_000, questions=3, errors=2),
        each=("subject", "tool"),
        only={"tool": ("shop/refund", "shop/pay"), "subject": ("user:*",)},
        window=Window("day", zone_named("Europe/Berlin")),
        then="tell",
        warn_at=90,
        where="budgets.toml:1",
    )


def test_without_a_word_about_it_all_share_one_account_for_ever_and_too_much_is_denied() -> None:
    assert budget("tool_calls = 1") == Budget("b", Limits(tool_calls=1), where="budgets.toml:1")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("", "budgets.toml:1:10: error: `budgets.b`: it limits nothing"),
        (
            'toolcalls = 3\nper = "day"',
            "2:1: error: there is no key `toolcalls` in `[budgets.b]` (did you mean `tool_calls`",
        ),
        ('tool_calls = 3\nper = "dya"', "3:1: error: `budgets.b.per` can't be `dya` (did you mean `day`?)"),
        ('tool_calls = 3\neach = "tenat"', "`budgets.b.each[0]` can't be `tenat` (did you mean `tenant`?)"),
        ('tool_calls = 3\nthen = "block"', "`budgets.b.then` can't be `block`"),
        (
            'tool_calls = 3\nper="day"\nzone = "Europe/Berln"',
            "unknown time zone `Europe/Berln`; did you mean `Europe/Berlin`?",
        ),
        ('tool_calls = 3\nzone = "UTC"', "`zone` and `sliding` are about a window: say `per`, too"),
        ("tool_calls = 3\nsliding = true", "`zone` and `sliding` are about a window: say `per`, too"),
        ('tool_calls = 3\nper="day"\nsliding = true\nzone = "UTC"', "begins nowhere, so it has no `zone`"),
        ('tool_calls = 3\nsubject = "ann"', "`subject`: `ann` is nobody; write `user:ann`"),
        ('tool_calls = 3\nrole = ["role:a", "b"]', "`role`: `b` is nobody; write `role:b`"),
        ('tokens = 3\ntool = "a/*"', "a tool takes no `tokens`: take `tool` out"),
        ('usd = 3\ntool = "a/*"\nmodel = "m"', "nothing is both a model's and a tool's"),
        ('usd = 3\nmodel = "m"\nthen = "ask"', "people are asked about tools' calls"),
        ("usd = -3", "`budgets.b.usd`: must be more than 0"),
        ('usd = 3\nwarn_at = "101%"', "`budgets.b.warn_at`: must be at most 100"),
        ("usd = 3\nwarn_at = 80", '`budgets.b.warn_at`: write a part of the limit: `"80%"`'),
    ],
)
def test_a_mistake_is_told_where_it_stands_and_how_to_mend_it(lines: str, told: str) -> None:
    assert told in refused(lines)
