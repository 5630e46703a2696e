"""`[budgets.NAME]`: what it says, and how mistakes in it are told."""

from pathlib import Path

import pytest

from gateway.accounts import Budget, Rate, Scope
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
        scope=Scope(("subject", "tool"), {"tool": ("shop/refund", "shop/pay"), "subject": ("user:*",)}),
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
        ('tool_calls = 3\ntool = "refund"', "`tool`: `refund` is no `server/tool`: write `*/refund`"),
        ('tool_calls = 3\nsubject = "ann"', "`subject`: `ann` is nobody; write `user:ann`"),
        ('tool_calls = 3\nrole = ["role:a", "b"]', "`role`: `b` is nobody; write `role:b`"),
        ('tokens = 3\ntool = "a/*"', "a tool takes no `tokens`: take `tool` out"),
        ('usd = 3\ntool = "a/*"\nmodel = "m"', "nothing is both a model's and a tool's"),
        ('usd = 3\nmodel = "m"\nthen = "ask"', "people are asked about tools' calls"),
        ('tool_calls = 3\neach = "error"', "`error` in `each` is about `errors`"),
        ('errors = 3\nper = "day"\nsliding = true\neach = "error"', "in a window that does not slide"),
        ('errors = 3\neach = ["model", "error"]', "nothing is both a model's and a tool's"),
        ("usd = -3", "`budgets.b.usd`: must be more than 0"),
        (
            "tool_calls = 0",
            "must be more than 0; what may never be called is forbidden in policy.csv: `p, *, *, SERVER/TOOL, call, , ",
        ),
        ('tool_calls = "0"', "forbidden in policy.csv"),
        ("usd = 0", "`budgets.b.usd`: must be more than 0; what may never be called is forbidden in policy.csv"),
        ("usd = 0.0", "forbidden in policy.csv"),
        ('usd = "$0.00"', "forbidden in policy.csv"),
        ('usd = 3\nwarn_at = "101%"', "`budgets.b.warn_at`: must be at most 100"),
        ("usd = 3\nwarn_at = 80", '`budgets.b.warn_at`: write a part of the limit: `"80%"`'),
    ],
)
def test_a_mistake_is_told_where_it_stands_and_how_to_mend_it(lines: str, told: str) -> None:
    assert told in refused(lines)


def rate(lines: str) -> Rate:
    (found,) = read_budgets(toml_document(f"[rates.r]\n{lines}", "budgets.toml", Path())).rates
    return found


def test_a_rate_is_for_each_subject_and_tool_and_as_many_may_come_at_once() -> None:
    assert rate('rate = "10/minute"') == Rate("r", 6_000_000, 10, Scope(("subject", "tool")), "budgets.toml:1")


@pytest.mark.parametrize(
    ("written", "micros"),
    [
        ("1/s", 1_000_000),
        ("3 / second", 333_334),
        ("60/m", 1_000_000),
        ("1/hour", 3_600_000_000),
        ("2/d", 43_200_000_000),
    ],
)
def test_how_a_rate_may_be_written(written: str, micros: int) -> None:
    assert rate(f'rate = "{written}"').micros == micros


def test_a_rate_may_have_another_scope_and_more_at_once() -> None:
    found = rate('rate = "10/minute"\nburst = 20\ntool = "maps/*"\neach = "tenant"')
    assert (found.burst, found.scope) == (20, Scope(("tenant",), {"tool": ("maps/*",)}))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("burst = 3", "budgets.toml:1:8: error: `[rates.r]` lacks the key `rate`"),
        ('rate = "10"', 'error: `rates.r.rate`: write how many in which time: `"10/minute"`'),
        ('rate = "0/s"', "error: `rates.r.rate`: must be more than 0"),
        ('rate = "1/s"\nmodel = "m"', "a rate is about tools' calls"),
        ('rate = "1/s"\neach = "error"', "a call has no error before it is made: take `error` out"),
        ('rate = "1/s"\nbrust = 3', "did you mean `burst`?"),
    ],
)
def test_a_mistake_in_a_rate_is_told(lines: str, told: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        rate(lines)
    assert told in str(wrong.value)
