from typing import Any

import pytest

from gateway.policy import Query, RunFacts, parse
from gateway.policy.ways import nearest
from tests.fixtures.policies import a_query


def change(when: str, args: dict[str, Any], *, run: RunFacts = RunFacts()) -> str | None:  # noqa: B008 - frozen
    """What makes the condition true."""
    policy = parse(f'p, *, *, */*, call, "{when}", allow, y')

    def allowed(query: Query) -> bool:
        return policy.decide(query).effect == "allow"

    found = nearest([when], a_query(args=args, run=run), allowed)
    assert found is None or allowed(found.query)
    return found.text if found else None


@pytest.mark.parametrize(
    ("when", "args", "text"),
    [
        ("0 < args.amount <= 100", {"amount": 101}, "args.amount = 100"),
        ("0 < args.amount <= 100", {"amount": -3}, "args.amount = 1"),
        ("args.amount <= 100", {"amount": "7"}, "args.amount = 100"),
        ("args.to.iban in ['DE1', 'DE2']", {}, "args.to.iban = 'DE1'"),
        ("args.text != 'no'", {"text": "no"}, "args.text = '...'"),
        ("under(args.path, '/srv/work')", {"path": "/etc"}, "args.path = '/srv/work/x'"),
        ("matches(args.name, 'a*b')", {}, "args.name = 'ab'"),
        ("in_domain(args.to, 'acme.com')", {"to": "x@evil.com"}, "args.to = 'someone@acme.com'"),
        ("args.a in ['x', 'y'] and args.a == args.b", {}, "args.a = 'x' and args.b = 'x'"),
        ("args.a == args.b", {"a": 7}, "args.b = 7"),
        ("in_cidr(args.ip, '10.0.0.0/8')", {"ip": "8.8.8.8"}, "args.ip = '10.0.0.0'"),
        ("host(args.url) == 'acme.com'", {"url": "http://x/"}, "args.url = 'https://acme.com/'"),
        ("any_match(args.tags, 'red*')", {"tags": ["blue"]}, "args.tags = ['redx']"),
        ("len(args.tags) <= 2", {"tags": [1, 2, 3]}, "args.tags = ['x', 'x']"),
        ("has(args.reason)", {}, "args.reason = '...'"),
        ("args.sure", {"sure": False}, "args.sure = true"),
        ("args.rows[0].n == 3", {"rows": [{"n": 1}]}, "args.rows[0].n = 3"),
        ("args.a == 1 and args.b == 2", {"a": 9, "b": 9}, "args.a = 1 and args.b = 2"),
        ("args.x == null", {"x": 5}, "args.x = null"),
    ],
)
def test_the_nearest_values_that_would_do_are_found(when: str, args: dict[str, Any], text: str) -> None:
    assert change(when, args) == text


def test_what_the_run_has_done_can_be_other_too() -> None:
    assert change("run.calls < 3", {}, run=RunFacts(calls=7)) == "run.calls = 2"
    assert change("not run.tainted", {}, run=RunFacts(tainted=True)) == "run.tainted = false"
    assert change("run.usd <= 0.5", {}, run=RunFacts(nanos=10**10)) == "run.usd = 0.5"


@pytest.mark.parametrize("when", ["now.hour == 3", "tool.read_only", "args.a > 5 and args.a < 3", "args.rows[5] == 1"])
def test_what_no_argument_can_do_is_not_promised(when: str) -> None:
    assert change(when, {"rows": []}) is None


def test_the_question_itself_stays_as_it_was() -> None:
    args = {"to": {"iban": "x"}}
    assert change("args.to.iban == 'y'", args) == "args.to.iban = 'y'"
    assert args == {"to": {"iban": "x"}}
