"""What is kept of a call that was refused, whatever it looked like."""

import hashlib
import json
from typing import Any

import pytest

from gateway.call import Deny
from gateway.refusals import KEPT_BYTES, denial

NO = Deny("permitted", "not yours", "policy.csv:4")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ('{ "a": 1', '{ "a": 1'),
        (b'{"a":"\xff"}', '{"a":"�"}'),
        ({"a": [1, "é"]}, '{"a": [1, "\\u00e9"]}'),
        ('{"a":"\ud800"', '{"a":"\ud800"'),
        ({"a": {1, 2}}, '{"a": "{1, 2}"}'),
        ({("a",): 1}, "<an object with 1 keys that can't be written as JSON>"),
    ],
)
def test_arguments_are_kept_as_they_came_whether_they_can_be_read_or_not(given: Any, text: str) -> None:
    denied = denial("call/1", "shop/refund", given, NO)
    assert (denied.arguments, denied.whole) == (text, None)
    assert (denied.gate, denied.why, denied.rule) == ("permitted", "not yours", "policy.csv:4")
    assert json.loads(json.dumps(denied.arguments)) == text


@pytest.mark.parametrize("given", ["x" * KEPT_BYTES, "é" * (KEPT_BYTES // 2), b"x" * KEPT_BYTES])
def test_what_just_fits_is_kept_whole(given: str | bytes) -> None:
    denied = denial("call/1", "shop/refund", given, NO)
    assert denied.arguments == (given if isinstance(given, str) else given.decode())
    assert denied.whole is None


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("x" + "é" * KEPT_BYTES, ("x" + "é" * KEPT_BYTES).encode()),  # the cut falls into a character
        (b"\xff" + b"x" * 10**6, b"\xff" + b"x" * 10**6),
        ("\ud800" * KEPT_BYTES, ("\ud800" * KEPT_BYTES).encode(errors="surrogatepass")),
        ({"a": "x" * 10**6}, json.dumps({"a": "x" * 10**6}).encode()),
    ],
)
def test_of_long_arguments_the_beginning_is_kept_with_what_identifies_the_whole(given: Any, sent: bytes) -> None:
    denied = denial("call/1", "shop/refund", given, NO)
    assert denied.whole == {"bytes": len(sent), "sha256": hashlib.sha256(sent).hexdigest()}
    assert len(denied.arguments.encode()) <= KEPT_BYTES
    assert denied.arguments[-1:] in ("é", "x", "")


def test_neither_a_name_nor_a_reason_fills_the_disk() -> None:
    denied = denial("call/1", "x" * 10**6, "{}", Deny("known", "y" * 10**6))
    assert len(denied.path) + len(denied.why) < 4_000
