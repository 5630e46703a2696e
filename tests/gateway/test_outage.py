"""Of a server that is away, only our own words are told to those who do not run the gateway."""

import pytest

from gateway.outage import LOG_IN as NOT_THERE
from gateway.outage import OTHERWISE, brief

LAST_WORDS = "; it said: ORA-12154 cannot connect to payroll-db.internal:1521 as hr_admin"
TYPE = "log in with `toolgate login notes --as ann`"
LOG_IN = f"`user:ann` is not logged in: {TYPE}"
LOG_IN_AGAIN = f"the server answered HTTP 401: it does not take the credentials of `user:ann`: {TYPE}"


@pytest.mark.parametrize(
    "why",
    [
        "it exited with code 3", "it was ended by SIGKILL", "it closed its output", "it is still connecting",
        "it did not answer within 2.5 s", "the connection broke", "the connection ended",
        "the server answered HTTP 502", "it went away again", "it wrote a line longer than `max_answer` lets it",
        "its tools could not be listed again", "it acts for its users, and nobody is asking",
        "it is this gateway, or has it among its servers",
    ],
)  # fmt: skip
def test_the_cause_is_told_without_what_follows_it(why: str) -> None:
    assert brief(why) == brief(why + LAST_WORDS) == brief(f"server `notes` is unavailable: {why}") == why


@pytest.mark.parametrize(
    "why",
    [LOG_IN, LOG_IN_AGAIN, "it wants `a:b` and `c` of `user:ann`: log in with `toolgate login notes --scope a:b`"],
)
def test_who_has_to_log_in_is_told_to_him_alone(why: str) -> None:
    assert brief(why, "user:ann") == brief(f"server `notes` is unavailable: {why}{LAST_WORDS}", "user:ann") == why
    for other in ("user:bob", "user:an", None):
        assert brief(why, other) == NOT_THERE


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("can't connect to http://payroll.internal:1521", "nobody answers at its address"),
        ("`/opt/hr/payroll` was not found", "its program was not found"),
        ("cannot connect to payroll-db.internal:1521 as hr_admin", OTHERWISE),
        ("[Errno 111] Connect call failed ('10.1.2.3', 9)", OTHERWISE),
        ("server `payroll` is unavailable: its log-in could not be renewed: 10.1.2.3", OTHERWISE),
        (
            "the server answered HTTP 307: it redirects, which is not followed: to http://x",
            "the server answered HTTP 307",
        ),
        ("", OTHERWISE),
    ],
)
def test_addresses_paths_and_the_words_of_servers_are_not_told(why: str, told: str) -> None:
    assert brief(why) == told
