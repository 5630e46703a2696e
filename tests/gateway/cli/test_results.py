from typing import Any

import pytest

from gateway.call import Answered, InDoubt, Outcome, Refused, Unsent, outcome_to_json
from gateway.cli.exits import Exit, Stop
from gateway.cli.results import conclude
from gateway.events import Denied, Doubted, Held, Returned
from gateway.pipeline import CallResult, OutOfBudget


def returned(outcome: Outcome) -> Returned:
    return Returned("call/1", dict(outcome_to_json(outcome)), {})


def denied(gate: str, why: str = "no") -> Denied:
    return Denied("call/1", "shop/x", "{}", gate, why, "policy.csv:1")


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (returned(Answered({"content": [], "isError": True})), Exit.TOOL_ERROR),
        (returned(Refused(-32602, "bad")), Exit.TOOL_ERROR),
        (returned(Unsent("gone")), Exit.UNREACHABLE),
        (returned(InDoubt("silence")), Exit.ERROR),
        (denied("permitted"), Exit.DENIED),
        (denied("approved"), Exit.DENIED),
        (denied("intact"), Exit.DENIED),
        (denied("a gate of tomorrow"), Exit.DENIED),
        (denied("valid"), Exit.ERROR),
        (denied("known"), Exit.ERROR),
        (denied("reachable"), Exit.UNREACHABLE),
        (denied("within_budget"), Exit.BUDGET),
        (Held("call/1", "shop/x", "A-1", "a second person"), Exit.WAITING),
        (Doubted("call/1", "silence"), Exit.ERROR),
        (OutOfBudget("tokens", "spent"), Exit.ERROR),
    ],
)
def test_each_end_of_a_call_has_its_code(result: CallResult, code: Exit) -> None:
    with pytest.raises(Stop) as stopped:
        conclude(result, "shop/x", as_json=False)
    assert stopped.value.code is code


def test_a_held_call_says_what_to_do_and_names_its_approval() -> None:
    with pytest.raises(Stop, match="`toolgate approve A-1` give the same command again") as stopped:
        conclude(Held("call/1", "shop/x", "A-1", "a second person", "p:1"), "shop/x", as_json=True)
    assert stopped.value.details == {"approval": "A-1", "rule": "p:1"}


def test_what_a_server_says_in_an_error_is_made_visible() -> None:
    failed = returned(Answered({"content": [{"type": "text", "text": "\x1b[2Jone\ntwo"}], "isError": True}))
    with pytest.raises(Stop, match=r"reports an error: \\e\[2Jone\\ntwo"):
        conclude(failed, "shop/x", as_json=False)


@pytest.mark.parametrize(
    ("result", "out"),
    [
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "a\nb\n"),
        ({"content": [{"type": "text", "text": "a"}], "structuredContent": {"b": 1}}, "a\n"),
        ({"content": [], "structuredContent": {"b": 1}}, '{"b": 1}\n'),
        ({"structuredContent": {}}, "{}\n"),
        ({"content": "nonsense"}, "\n"),
        ({"content": [None, {"type": "text", "text": 7}]}, "7\n"),
    ],
)
def test_text_is_printed_whatever_the_server_answers(
    result: dict[str, Any], out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert conclude(returned(Answered(result)), "shop/x", as_json=False) == 0
    assert capsys.readouterr().out == out


def test_json_prints_the_result_also_when_the_tool_failed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Stop):
        conclude(returned(Answered({"isError": True, "x": 1})), "shop/x", as_json=True)
    assert capsys.readouterr().out == '{"isError": true, "x": 1}\n'


def test_what_is_not_text_is_named_with_its_address(capsys: pytest.CaptureFixture[str]) -> None:
    link = {"type": "resource_link", "uri": "demo://a\x1b", "name": "a"}
    held = {"type": "resource", "resource": {"uri": "demo://b", "text": "b"}}
    result = {"content": [link, held, {"type": "image", "data": "aGk="}, {"type": "resource", "resource": 1}]}
    assert conclude(returned(Answered(result)), "shop/x", as_json=False) == 0
    assert capsys.readouterr().err.splitlines() == [
        "not text: resource_link demo://a\\e; --json has it all",
        "not text: resource demo://b; --json has it all",
        "not text: image; --json has it all",
        "not text: resource; --json has it all",
    ]
