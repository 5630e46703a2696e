"""What an admitted call is on the wire."""

import json
from typing import Any

import pytest

from gateway.call import Action, Arguments, Call, Subject
from gateway.upstream.wanted import wanted


def of(path: str, arguments: dict[str, Any], action: Action) -> Call:
    return Call("r", "k", Subject("user:ann", "acme"), path, Arguments.parse(arguments), action)


CASES = [
    ("s/t/u", {"b": 1, "a": 2.0}, "call", "tools/call", "t/u", {"name": "t/u", "arguments": {"a": 2.0, "b": 1}}),
    ("s/p", {"x": "y"}, "get", "prompts/get", "p", {"name": "p", "arguments": {"x": "y"}}),
    ("s/file:///a b", {}, "read", "resources/read", "file:///a b", {"uri": "file:///a b"}),
    ("s/p", {"ref": {"type": "ref/prompt"}, "argument": {}}, "complete", "completion/complete", None,
     {"argument": {}, "ref": {"type": "ref/prompt"}}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "arguments", "action", "method", "name", "params"), CASES)
def test_each_action_has_its_method_and_its_parameters(
    path: str, arguments: dict[str, Any], action: Action, method: str, name: str | None, params: dict[str, Any]
) -> None:
    found = wanted(of(path, arguments, action))
    assert (found.method, found.name) == (method, name)
    assert found.params({"m": 1}) == {**params, "_meta": {"m": 1}}
    assert json.loads(found.body(3, {"m": 1})) == {
        "jsonrpc": "2.0", "id": 3, "method": method, "params": {**params, "_meta": {"m": 1}},
    }  # fmt: skip


def test_a_further_round_carries_the_answers_and_the_state() -> None:
    answers = {"inputResponses": {"q": {"action": "accept"}}, "requestState": "opaque"}
    params = wanted(of("s/t", {}, "call"), answers).params({})
    assert params == {"name": "t", "arguments": {}, "_meta": {}, **answers}


def test_the_arguments_are_the_judged_text_byte_for_byte() -> None:
    call = of("s/t", {"n": 1e100, "t": "\u00e4"}, "call")
    assert f'"arguments":{call.arguments.text},'.encode() in wanted(call).body(1, {})
