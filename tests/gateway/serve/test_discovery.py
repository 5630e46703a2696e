"""What a modern client asks first is answered as the SDK answers it, to the byte, and without it where it is plain."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from mcp_types import CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY, PROTOCOL_VERSION_META_KEY

from tests.fixtures.served import LEGACY, MODERN, request
from tests.gateway.serve.test_greeting import COMMON, Headers, House, at_house, nameless

HEAD = COMMON | {b"mcp-protocol-version": MODERN.encode(), b"mcp-method": b"server/discover"}
META: Mapping[str, Any] = {
    PROTOCOL_VERSION_META_KEY: MODERN,
    CLIENT_INFO_META_KEY: {"name": "né\u2028", "version": "1"},
    CLIENT_CAPABILITIES_META_KEY: {},
}
CAPABLE: Mapping[str, Any] = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {"tools": {}},
    "roots": {},
    "extensions": {"x/y": {}},
}


def asked(**more: Any) -> dict[str, Any]:
    return request("server/discover", {"_meta": META, **more})


def saying(**said: Any) -> dict[str, Any]:
    """Keys without the protocol's prefix; None takes one away."""
    meta = {**META, **{f"io.modelcontextprotocol/{key}": value for key, value in said.items()}}
    return asked(_meta={key: value for key, value in meta.items() if value is not None})


PLAIN: Mapping[str, Any] = {
    "as usual": asked(),
    "a text for an id": {**asked(), "id": "é\n"},
    "everything declared": saying(clientCapabilities=CAPABLE),
    "more about itself": saying(clientInfo={"name": "", "version": "", "title": "T", "websiteUrl": "no url"}),
    "nothing about itself": saying(clientInfo=None),
}
ODD: Mapping[str, Any] = {
    "no capabilities": saying(clientCapabilities=None),
    "capabilities that are none": saying(clientCapabilities=[]),
    "a capability that is none": saying(clientCapabilities={"roots": 5}),
    "a name that is none": saying(clientInfo={"name": 5, "version": "1"}),
    "another version": saying(protocolVersion=LEGACY),
    "a version that nobody knows": saying(protocolVersion="2099-01-01"),
    "no version": saying(protocolVersion=None),
    "a level": saying(logLevel="debug"),
    "a token": asked(_meta={**META, "progressToken": 1}),
    "more": asked(cursor="x"),
    "no meta": request("server/discover", {}),
    "a meta that is none": asked(_meta=[]),
    "no parameters": {key: value for key, value in asked().items() if key != "params"},
    "a notification": {key: value for key, value in asked().items() if key != "id"},
    "more beside it": {**asked(), "x": 1},
}
HEADS: Mapping[str, Callable[[], Headers]] = {
    "no method": lambda: {name: value for name, value in HEAD.items() if name != b"mcp-method"},
    "another method": lambda: HEAD | {b"mcp-method": b"tools/list"},
    "a name": lambda: HEAD | {b"mcp-name": b"x"},
    "an older version": lambda: HEAD | {b"mcp-protocol-version": LEGACY.encode()},
    "a version that nobody knows": lambda: HEAD | {b"mcp-protocol-version": b"2099-01-01"},
    "no version": lambda: {name: value for name, value in HEAD.items() if name != b"mcp-protocol-version"},
    "another type": lambda: HEAD | {b"content-type": b"text/plain"},
    "one type accepted": lambda: HEAD | {b"accept": b"application/json"},
    "a header twice": lambda: [*HEAD.items(), (b"mcp-method", b"server/discover")],
    "a parameter": lambda: HEAD | {b"mcp-param-x": b"y"},
    "a session": lambda: HEAD | {b"mcp-session-id": b"0" * 32},
}


async def both(made: House, message: Any, head: Headers) -> list[Any]:
    return [nameless(await made.raw(message, head, way=way)) for way in ("ours", "the SDK's")]


@pytest.mark.parametrize("case", PLAIN)
def test_a_plain_one_is_answered_in_the_words_of_the_sdk_which_is_not_asked(tmp_path: Path, case: str) -> None:
    async def scenario(made: House) -> None:
        ours, theirs = await both(made, PLAIN[case], HEAD)
        assert ours == theirs
        assert (ours[0]["status"], made.through.count) == (200, 0)

    at_house(tmp_path, scenario)


def test_what_is_not_in_order_the_sdk_answers(tmp_path: Path) -> None:
    async def scenario(made: House) -> None:
        for case, message in ODD.items():
            made.through.count = 0
            ours, theirs = await both(made, message, HEAD)
            assert (case, ours, made.through.count) == (case, theirs, 1)
        for case, head in HEADS.items():
            ours, theirs = await both(made, asked(), head())
            assert (case, ours) == (case, theirs)

    at_house(tmp_path, scenario)
