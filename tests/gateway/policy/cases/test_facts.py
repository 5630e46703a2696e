from datetime import UTC, datetime

import pytest

from gateway.policy.cases.facts import Facts, Unreadable, said


def test_what_is_not_said_is_a_run_that_has_done_nothing_at_noon_on_a_wednesday() -> None:
    facts = said(())
    assert facts == Facts()
    assert (facts.now.isoformat(), facts.about_tool, facts.run.calls) == ("2026-01-07T12:00:00+00:00", False, 0)


def test_words_say_what_the_tool_is_and_what_it_is_not() -> None:
    facts = said(("trusted", "read_only", "not_open_world", "pin=0a"))
    assert facts.hints == {"readOnlyHint": True, "openWorldHint": False}
    assert (facts.trusted, facts.pin) == (True, "0a")


@pytest.mark.parametrize("word", ["not_trusted", "destructive", "pin=0a"])
def test_any_word_about_the_tool_speaks_for_all_of_it(word: str) -> None:
    assert said((word,)).about_tool


def test_words_say_what_the_run_has_done() -> None:
    run = said(("calls=3", "tokens=10", "usd=0.25", "seconds=1.5", "tainted")).run
    assert (run.calls, run.tokens, run.nanos, run.millis, run.tainted) == (3, 10, 250_000_000, 1500, True)


def test_words_say_whom_the_run_has_heard_and_how_old_a_log_in_is() -> None:
    facts = said(("servers=shop+mail", "auth_age=300"))
    assert (facts.run.servers, facts.auth_age) == (frozenset({"shop", "mail"}), 300.0)
    assert said(("servers=",)).run.servers == frozenset()


def test_the_last_word_counts() -> None:
    assert said(("trusted", "not_trusted")).trusted is False
    assert said(("tainted", "not_tainted")).run.tainted is False


def test_a_time_with_a_zone_is_that_moment() -> None:
    assert said(("now=2026-11-21T09:30",)).now == datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    assert said(("now=2026-11-21T09:30+02:00",)).now == datetime(2026, 11, 21, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "message", "hint"),
    [
        ("trustd", "unknown fact `trustd`", "did you mean `trusted`?"),
        ("cals=3", "unknown fact `cals=3`", "did you mean `calls=`?"),
        ("trusted=yes", "unknown fact `trusted=yes`", "did you mean `trusted`?"),
        ("calls", "unknown fact `calls`", "did you mean `calls=`?"),
        ("calls=-1", "`calls=-1` can't be read", ""),
        ("usd=x", "`usd=x` can't be read", "write `usd=0.25`"),
        ("now=noon", "`now=noon` can't be read", "write `now=2026-11-21T09:30`"),
    ],
)
def test_a_word_that_says_nothing_is_refused(word: str, message: str, hint: str) -> None:
    with pytest.raises(Unreadable) as caught:
        said(("trusted", word))
    assert (caught.value.word, caught.value.message, caught.value.hint) == (word, message, hint)


def test_what_was_said_and_read_is_known_of_the_run() -> None:
    run = said(("said=write to bob@acme.com", "read=to eve@evil.example")).run
    assert run.sources is not None
    assert (run.sources.from_user("bob@acme.com"), run.sources.from_user("eve@evil.example")) == (True, False)
    assert (run.sources.from_untrusted("eve@evil.example"), run.sources.from_untrusted("bob@acme.com")) == (True, False)
    assert run.tainted


def test_of_what_a_case_does_not_say_nothing_is_known() -> None:
    only_read, only_said = said(("read=eve@evil.example",)).run.sources, said(("said=hello",)).run.sources
    assert only_read is not None
    assert only_said is not None
    assert (only_read.from_user("eve@evil.example"), only_said.from_untrusted("hello")) == (None, False)
    assert said(()).run.sources is None
    assert not said(("said=hello",)).run.tainted
