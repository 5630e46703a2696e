import pytest

from gateway.offer import Offer
from gateway.policy.cases.case import Case, Said, Wrong, case_of

START = Said("", 7, 1)


def a_case(**said: str) -> Case:
    given = {"name": "a", "who": "user:ann", "tool": "shop/refund", "expect": "deny"} | said
    cells = {key: Said(text, 7, 10 + number) for number, (key, text) in enumerate(given.items())}
    if "with" in cells:
        words = tuple(Said(word, 7, 50) for word in said["with"].split())
        cells["with"] = Said(said["with"], 7, 50, words)
    return case_of("tests.csv", START, cells)


def test_what_is_left_out_is_a_call_without_arguments_in_the_usual_tenant() -> None:
    case = a_case()
    query = case.query
    assert (query.action, query.args, query.subject.tenant, query.subject.agent) == ("call", {}, "default", None)
    assert (case.where, case.expected) == ("tests.csv:7", "deny")


def test_nothing_is_known_about_a_tool_of_which_the_case_says_nothing() -> None:
    assert a_case().query.tool is None
    known = a_case(**{"with": "trusted read_only pin=0a"}).query.tool
    assert known is not None
    assert not isinstance(known, Offer)
    assert (known.read_only, known.destructive, known.pin) == (True, False, "0a")


def test_an_agent_is_named_behind_the_user_or_by_itself() -> None:
    assert a_case(who="user:ann via agent:desk").query.subject == a_case(agent="desk").query.subject
    assert a_case(agent="agent:desk").query.subject.agent == "agent:desk"


def test_the_uri_of_a_resource_is_its_argument() -> None:
    query = a_case(tool="files/file:///a?b=*", action="read").query
    assert (query.object, query.args) == ("files/file:///a?b=*", {"uri": "file:///a?b=*"})


def test_the_age_of_a_log_in_is_counted_back_from_the_moment_of_the_case() -> None:
    query = a_case(**{"with": "auth_age=300 now=2026-11-21T09:30"}).query
    assert query.subject.since == query.now.timestamp() - 300
    assert a_case().query.subject.since is None


def test_what_is_expected_is_said_in_words() -> None:
    assert a_case(line="policy.csv:3", why="too much").expected == "deny by policy.csv:3 because `too much`"


@pytest.mark.parametrize(
    ("said", "column", "message", "hint"),
    [
        ({"who": "ann"}, 11, "`ann` can't ask for anything", "did you mean `user:ann`?"),
        ({"who": "role:boss"}, 11, "`role:boss` can't ask for anything", "write a user who has it, `user:NAME`"),
        ({"who": "user:a b"}, 11, "`user:a b` can't ask for anything", "write `user:NAME`"),
        ({"who": "user:ann via"}, 11, "`` is not an agent", "write `agent:NAME`"),
        ({"who": "user:ann via desk"}, 11, "`desk` is not an agent", "write `agent:NAME`"),
        ({"who": "user:ann via agent:a", "agent": "b"}, 14, "the agent is named twice", "behind ` via `"),
        ({"tenant": "*"}, 14, "`*` is not a tenant", "exact name"),
        ({"tool": "shop/*"}, 12, "`shop/*` is a pattern", "one tool"),
        ({"tool": "refund"}, 12, "`refund` is not a server/tool name", ""),
        ({"expect": "alow"}, 13, "unknown effect `alow`", "did you mean `allow`?"),
        ({"action": "cal"}, 14, "unknown action `cal`", "did you mean `call`?"),
        ({"line": "12"}, 14, "`12` is not a line", "a part of the line's own words belongs into `why`"),
        ({"now": "today"}, 14, "`now=today` can't be read", ""),
        ({"with": "trustd"}, 50, "unknown fact `trustd`", "did you mean `trusted`?"),
        ({"args": "{"}, 14, "not JSON", "write a JSON object"),
        ({"name": ""}, 1, "`name` is empty", ""),
    ],
)
def test_a_wrong_value_is_refused_where_it_stands(said: dict[str, str], column: int, message: str, hint: str) -> None:
    with pytest.raises(Wrong) as caught:
        a_case(**said)
    problem = caught.value.problem("tests.csv")
    assert (problem.line, problem.column) == (7, column)
    assert message in problem.message
    assert hint in problem.hint


def test_what_is_needed_is_missed() -> None:
    with pytest.raises(Wrong, match="`expect` is missing"):
        case_of("tests.csv", START, {name: Said("a", 7, 1) for name in ("name", "who", "tool")})


@pytest.mark.parametrize(
    ("expect", "duties", "message", "column"),
    [
        ("allow", "redact=ssn; tmeout=1 s", "unknown duty `tmeout`", 26),
        ("ask", "timeout=1", "`1` has no unit", 22),
        ("deny", "redact=ssn", "what is denied has no duties", 14),
    ],
)
def test_expected_duties_that_can_not_be_are_refused_where_they_stand(
    expect: str, duties: str, message: str, column: int
) -> None:
    with pytest.raises(Wrong, match=message) as wrong:
        a_case(expect=expect, duties=duties)
    assert wrong.value.at.column == column


def test_expected_duties_are_told() -> None:
    assert a_case(expect="allow", duties="redact=ssn").expected == "allow with redact=ssn"
    assert a_case(duties="none").expected == "deny with no duties"
    assert a_case(duties="").duties is None
