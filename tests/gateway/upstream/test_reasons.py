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
