"""Why a server can't be reached, in words."""

from anyio import BrokenResourceError

from gateway.upstream.reasons import reason, shown
from gateway.upstream.spec import Http, ServerSpec, Stdio


def test_what_falls_apart_behind_the_real_reason_does_not_hide_it() -> None:
    spec = ServerSpec("s", Stdio("s"))
    broken = ExceptionGroup("", [BrokenResourceError(), ExceptionGroup("", [OSError("no route")])])
    assert reason(broken, spec) == "no route"
    assert reason(ExceptionGroup("", [BrokenResourceError()]), spec) == ""


def test_no_reason_is_shown_with_a_secret_in_it() -> None:
    assert shown("can't use hunter2x", Stdio("s", ("hunter2x",), secrets=("hunter2x",))) == "can't use ***"


def test_an_address_that_nobody_answers_at_is_named_without_its_credentials() -> None:
    where = Http("https://ann:hunter2x@example.test/mcp")
    assert shown("All connection attempts failed", where) == "can't connect to https://example.test"
    unknown = "the name of its host can't be looked up: https://example.test"
    assert shown("[Errno -2] Name or service not known", where) == unknown
    assert shown("[Errno -2] Name or service not known", None) == "the name of its host can't be looked up"
    assert shown("Receive buffer too long", where) == "the head of its answer is too long"


def test_a_reason_in_a_servers_own_words_can_be_told_to_anybody() -> None:
    assert shown("\ud800\u202e\x1b[2J", Stdio("s")) == "\\u{d800}\\u{202e} [2J"
    assert shown("\ud800\u202e\x1b[2J", None) == "\\u{d800}\\u{202e}\\e[2J"
    assert len(shown("x" * 10_000_000, None)) <= 1000


def test_a_long_reason_is_cut_only_when_its_secrets_are_out() -> None:
    said = shown("x" * 9_995 + "hunter2x" + "y" * 9_000, Stdio("s", ("hunter2x",), secrets=("hunter2x",)))
    assert "hunt" not in said
