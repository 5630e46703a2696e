import pytest

from gateway.cli.policy.suggest_view import print_suggestions
from gateway.policy import parse
from gateway.policy.suggest import Refused, suggestions
from tests.fixtures.policies import a_query

POLICY = parse("p, *, *, shop/no, call, , deny, never\np, *, *, a/*, call, , ask, why\n")
DAY = 86_400_000


def test_what_is_printed_is_comments_and_rows_and_can_not_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    calls = [
        Refused("r-1/c/1", DAY, a_query("user:ann", "shop/x", {"text": "\x1b[31m"})),
        Refused("r-1/c/2", 2 * DAY, a_query("user:ann", "shop/x", {"text": "\u202e"})),
        Refused("r-1/c/3", DAY, a_query("user:ann", "shop/no", {})),
    ]
    print_suggestions(suggestions(POLICY, calls))
    out, err = capsys.readouterr()
    assert all(line.isprintable() for line in out.splitlines())
    assert [line[:2] for line in out.splitlines() if line] == ["# ", "# ", "# ", "p,", "# ", "# "]
    assert "1970-01-02 to 1970-01-03; the last is r-1/c/2" in out
    assert "# lets through any text of up to 5 in args.text: 2 different ones were seen" in out
    assert parse(out).rules
    assert err == "3 denied calls: 1 suggestion for 2 of them\n"


def test_what_is_left_out_is_said_apart(capsys: pytest.CaptureFixture[str]) -> None:
    odd = Refused("r-1/c/1", DAY, a_query("user:\u00e9", "shop/x", {}))
    print_suggestions(suggestions(POLICY, [odd]))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nothing is suggested for 1 call: ")
