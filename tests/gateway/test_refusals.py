"""What is kept of a call that was refused, whatever it looked like."""

import json
from typing import Any

import pytest

from gateway.call import Deny
from gateway.refusals import denial

NO = Deny("permitted", "not yours", "policy.csv:4")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ('{ "a": 1', '{ "a": 1'),
        (b'{"a":"\xff"}', '{"a":"�"}'),
        ({"a": [1, "é"]}, '{"a": [1, "\\u00e9"]}'),
        ({"a": {1, 2}}, '{"a": "{1, 2}"}'),
        ({("a",): 1}, "<an object with 1 keys that can't be written as JSON>"),
    ],
)
def test_arguments_are_kept_as_they_came_whether_they_can_be_read_or_not(given: Any, text: str) -> None:
    denied = denial("call/1", "shop/refund", given, NO)
    assert denied.arguments == text
    assert (denied.gate, denied.why, denied.rule) == ("permitted", "not yours", "policy.csv:4")
    assert json.loads(json.dumps(denied.arguments)) == text
