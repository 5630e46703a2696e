"""How much a message is for a model."""

import json
from typing import Any

import pytest

from gateway.weight import PICTURE, weight

BIG = "A" * 900_000


def test_a_message_weighs_what_its_json_does_in_bytes() -> None:
    message = {"role": "user", "parts": [{"kind": "text", "text": "né☃"}]}
    assert weight(message) == len(json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "part",
    [
        {"kind": "tool_result", "call_id": "c1", "content": [{"type": "image", "mimeType": "image/png", "data": BIG}]},
        {"kind": "image", "media_type": "image/png", "data": BIG, "url": ""},
    ],
)
def test_a_picture_weighs_what_a_picture_costs(part: dict[str, Any]) -> None:
    assert PICTURE < weight({"role": "user", "parts": [part]}) < PICTURE + 200


def test_a_document_and_odd_blocks_weigh_what_they_are() -> None:
    file = {"kind": "file", "name": "a.pdf", "media_type": "application/pdf", "data": BIG}
    assert weight({"role": "user", "parts": [file]}) > len(BIG)
    odd = {"kind": "tool_result", "call_id": "c1", "content": ["text", {"type": "image", "data": 7}, {"type": []}]}
    assert weight({"role": "tool", "parts": [odd]}) > 0
