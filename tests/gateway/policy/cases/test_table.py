from pathlib import Path

import pytest

from gateway.catalogue import Catalogue
from gateway.errors import PolicyError
from gateway.policy import parse
from gateway.policy.cases import run_tests
from gateway.policy.cases.reading import parse_cases
from tests.fixtures.policies import a_tool

POLICY = parse(
    """\
p, user:ann, *, shop/refund, call, args.amount <= 100, allow, small
p, *, *, shop/look, call, tool.read_only, allow, reading
p, *, *, shop/clock, call, now.hour >= 18 and run.calls < 3 and run.usd < 1 and run.tainted, allow, evening
p, user:bob, acme, shop/refund, approve, , allow, bob
p, agent:a, *, */*, call, , allow, ceiling
p, *, *, desk/*, read, tool.trusted, allow, reading
p, *, *, desk/*, get, tool.trusted and tool.read_only, allow, never granted
"""
)
HEAD = "name, who, tenant, action, tool, args, expect, line, with\n"


def failures(tmp_path: Path, text: str, catalogue: Catalogue | None = None) -> list[str]:
    table = tmp_path / "tests.csv"
    table.write_text(HEAD + text)
    return [str(failure) for failure in run_tests(POLICY, table, (catalogue or Catalogue()).find)]


@pytest.mark.parametrize(
    "line",
    [
        'small, user:ann, , , shop/refund, {"amount": 100}, allow, policy.csv:1,',
        'quoted, user:ann, , , shop/refund, "{""amount"": 100}", allow, ,',
        'large, user:ann, , , shop/refund, {"amount": 101}, deny, none,',
        "nothing given, user:ann, , , shop/refund, , deny, ,",
        'agent, user:ann via agent:a, , , shop/refund, {"amount": 1}, allow, ,',
        "read, user:x, , , shop/look, , allow, policy.csv:2, trusted read_only",
        "hint of a stranger, user:x, , , shop/look, , deny, , read_only",
        "evening, user:x, , , shop/clock, , allow, , tainted calls=2 usd=0.99 now=2026-11-21T18:00",
        "late in the run, user:x, , , shop/clock, , deny, , tainted calls=3 now=2026-11-21T18:00",
        "approve, user:bob, acme, approve, shop/refund, , allow, , requester=user:ann",
        "own, user:bob, acme, approve, shop/refund, , deny, , requester=user:bob",
        "watched, user:x, , subscribe, desk/file:///a, , allow, , trusted",
        "read, user:x, , read, desk/file:///a, , allow, , trusted",
        "not where nobody vouches, user:x, , read, desk/file:///a, , deny, ,",
        "no annotations there, user:x, , get, desk/greet, , deny, , trusted read_only",
        "a template, user:x, , complete, desk/file:///{name}, , allow, , trusted",
        "somebody else's, user:bob, acme, approve, shop/refund, , allow, ,",
    ],
)
def test_a_case_that_gets_what_it_expects_is_no_failure(tmp_path: Path, line: str) -> None:
    assert failures(tmp_path, line) == []


def test_a_failure_says_where_what_was_expected_and_what_came(tmp_path: Path) -> None:
    (found,) = failures(tmp_path, 'small, user:ann, , , shop/refund, {"amount": 5}, deny, ,')
    assert found.endswith("tests.csv:2: `small` expected deny, got allow by policy.csv:1 (small)")
    (found,) = failures(tmp_path, 'small, user:ann, , , shop/refund, {"amount": 5}, allow, policy.csv:9,')
    assert "expected allow by policy.csv:9, got allow by policy.csv:1" in found


def test_facts_of_the_table_win_over_the_catalogues(tmp_path: Path) -> None:
    known = Catalogue.of([a_tool("shop/look", readOnlyHint=True)])
    assert failures(tmp_path, "a, user:x, , , shop/look, , allow, ,", known) == []
    assert failures(tmp_path, "a, user:x, , , shop/look, , deny, , trusted not_read_only", known) == []
    assert len(failures(tmp_path, "a, user:x, , , shop/look, , allow, ,")) == 1


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("name, who, tool, expct\n", "1:18", "unknown column `expct` (did you mean `expect`?)"),
        ("name, who, tool\n", "1:1", "needed: name, who, tool, expect"),
        ("name, name, who, tool, expect\n", "1:1", "each once"),
        (HEAD + "a, user:x, , , shop/x, , maybe, ,", "2:26", "unknown effect `maybe`"),
        (HEAD + "a, user:x, , , shop/x, , alow, ,", "2:26", "did you mean `allow`?"),
        (HEAD + "a, user:x, , cal, shop/x, , allow, ,", "2:14", "unknown action `cal`"),
        (HEAD + "a, user:x, , , shop, , allow, ,", "2:16", "not a server/tool name"),
        (HEAD + "a, user:x, , , shop/x, {'a': 1}, allow, ,", "2:24", "not JSON"),
        (HEAD + "a, user:x, , , shop/x, [1], allow, ,", "2:24", "must be a JSON object"),
        (HEAD + 'a, user:x, , , shop/x, {"a": 1, allow, ,', "2:24", "`{` opens here"),
        (HEAD + "a, user:x, , , shop/x, , allow, , trustd", "2:35", "unknown fact `trustd` (did you mean `trusted`?)"),
        (HEAD + "a, user:x, , , shop/x, , allow, , calls=many", "2:35", "`calls=many` can't be read"),
        (HEAD + "a, user:x, , , shop/x, , allow, , usd=x", "2:35", "`usd=x` can't be read"),
        (HEAD + "a, user:x", "2:4", "9 columns are named, found 2"),
        (HEAD + ", user:x, , , shop/x, , allow, ,", "2:1", "`name` is empty"),
    ],
)
def test_a_wrong_table_is_refused_with_the_place(text: str, place: str, part: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_cases("tests.csv", text.encode())
    assert str(caught.value).startswith(f"tests.csv:{place}: error: ")
    assert part in str(caught.value)


def test_every_problem_of_a_table_is_reported_at_once() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_cases("tests.csv", (HEAD + "a\n\n# fine\nb\n").encode())
    assert [problem.line for problem in caught.value.problems] == [2, 5]


def test_a_line_ends_where_editors_end_it() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_cases(
            "tests.csv", (HEAD + "a, user:x, , , shop/x, , allow, ,\u2028b, user:x, , , shop/x, , deny, ,").encode()
        )
    assert str(caught.value).startswith("tests.csv:2:34: error: invisible character U+2028")


def test_a_table_says_the_same_on_every_day() -> None:
    (case,) = parse_cases("tests.csv", (HEAD + "a, user:x, , , shop/x, , allow, ,").encode())
    assert case.query.now.isoformat() == "2026-01-07T12:00:00+00:00"
