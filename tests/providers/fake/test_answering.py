"""Which answer a question gets; `test_server.py` asks over sockets."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.fake.answering import Answer, Answering
from providers.fake.line import Received
from providers.fake.plan import End, Head, Send
from providers.fake.routes import routed
from providers.scripted.faults import parsed
from tests.fixtures.fake import BODIES, changed, played

PATHS = {"anthropic": "/v1/messages", "responses": "/v1/responses", "chat": "/v1/chat/completions"}
_COUNTS = {"anthropic": "/v1/messages/count_tokens", "responses": "/v1/responses/input_tokens"}
_TWICE = "  - {call: {tool: shop/look, args: {sku: A}}}\n"


def _ask(answering: Answering, form: str, body: Any, *, path: str = "", fault: str | None = None) -> Answer:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    received = Received("POST", path or PATHS[form], {}, sent)
    return asyncio.run(answering.answer(received, routed(received), 1, parsed(fault) if fault else None))


def _body(answer: Answer) -> Any:
    return json.loads(b"".join(action.data for action in answer.actions if isinstance(action, Send)))


def _said(form: str, value: Any) -> str:
    match form:
        case "anthropic":
            return str(value["content"][0]["text"])
        case "responses":
            return str(value["output"][0]["content"][0]["text"])
    return str(value["choices"][0]["message"]["content"])


@pytest.mark.parametrize("form", PATHS)
def test_a_conversation_goes_on_where_the_script_says(form: str) -> None:
    steps = _TWICE + '  - {expect: {contains: "7"}, say: "There are ${results[0]}."}'
    assert _said(form, _body(_ask(Answering(played(steps)), form, BODIES[form]))) == "There are 7."


@pytest.mark.parametrize("form", PATHS)
def test_an_expectation_that_is_not_met_is_a_refusal_with_its_place(form: str) -> None:
    steps = _TWICE + '  - {expect: {contains: "8"}, say: x}'
    answer = _ask(Answering(played(steps)), form, BODIES[form])
    assert answer.status == 400
    assert "the script can't go on: s.yaml:3:14: expected the results to contain" in answer.error


@pytest.mark.parametrize("form", PATHS)
@pytest.mark.parametrize("body", [b"{", b"[]", b'{"model": 7}', b"\xff"])
def test_a_body_that_is_no_request_is_refused(form: str, body: bytes) -> None:
    answer = _ask(Answering(played("  - say: x")), form, body)
    assert answer.status == 400
    assert _body(answer)["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("form", PATHS)
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("rate_limit", 429), ("overloaded", 529), ("server", 500), ("auth", 401), ("permission", 403),
        ("not_found", 404), ("bad_request", 400), ("too_large", 413), ("refused", 400), ("quota", 429),
    ],
)  # fmt: skip
def test_a_failure_of_the_script_is_an_error_with_its_status(form: str, kind: str, status: int) -> None:
    answering = Answering(played(_TWICE + f"  - {{fail: {{kind: {kind}, message: No., retry_after: 2}}, say: x}}"))
    answer = _ask(answering, form, BODIES[form])
    head = answer.actions[0]
    assert isinstance(head, Head)
    assert (head.status, answer.status, head.headers["retry-after"]) == (status, status, "2")
    assert _body(answer)["error"]["message"] == "No."
    assert _said(form, _body(_ask(answering, form, BODIES[form]))) == "x"


@pytest.mark.parametrize("form", PATHS)
@pytest.mark.parametrize(("kind", "end"), [("timeout", "hang"), ("network", "reset"), ("protocol", "whole")])
def test_a_failure_of_the_script_may_be_one_of_the_wire(form: str, kind: str, end: str) -> None:
    answering = Answering(played(_TWICE + f"  - {{fail: {{kind: {kind}}}, say: x}}"))
    *before, last = _ask(answering, form, {**BODIES[form], "stream": True}).actions
    assert isinstance(last, End)
    assert last.how == end
    assert (b"garbled" in b"".join(action.data for action in before if isinstance(action, Send))) == (end == "whole")


@pytest.mark.parametrize("form", PATHS)
def test_a_fault_of_the_script_befalls_a_conversation_once(form: str) -> None:
    answering = Answering(played(_TWICE + "  - {fault: cut, say: x}"))
    ended = [_ask(answering, form, {**BODIES[form], "stream": True}) for _ in range(2)]
    assert [answer.fault for answer in ended] == ["cut", ""]


def test_a_fault_of_the_request_comes_before_that_of_the_script() -> None:
    answering = Answering(played(_TWICE + "  - {fault: 500, say: x}"))
    assert _ask(answering, "chat", BODIES["chat"], fault="no-usage").fault == "no-usage"


def test_a_fault_that_looks_at_nothing_comes_before_the_check() -> None:
    answering = Answering(played("  - say: x"))
    assert _ask(answering, "chat", b"{", fault="503").status == 503
    html = _ask(answering, "chat", b"{", fault="html").actions[0]
    assert isinstance(html, Head)
    assert (html.status, html.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert _ask(answering, "chat", b"{", fault="silent").actions == (End("hang"),)


@pytest.mark.parametrize("form", _COUNTS)
def test_tokens_are_counted_as_the_script_counts_them(form: str) -> None:
    extra = {"max_tokens", "store"}
    body = {name: value for name, value in BODIES[form].items() if name not in extra}
    counted = _body(_ask(Answering(played("  - say: x")), form, body, path=_COUNTS[form]))
    assert counted["input_tokens"] > 50


def test_what_was_read_before_comes_from_the_cache_unless_the_script_says_otherwise() -> None:
    long = {**BODIES["responses"], "instructions": "x" * 8000}
    answering = Answering(played(_TWICE + "  - say: x"))
    cached = [_body(_ask(answering, "responses", long))["usage"]["input_tokens_details"]["cached_tokens"] for _ in "ab"]
    assert cached[0] == 0
    assert cached[1] > 2000
    told = Answering(played(_TWICE + "  - {say: x, usage: {input: 9, output: 1, cache_read: 4}}"))
    for _ in "ab":
        assert _body(_ask(told, "responses", long))["usage"]["input_tokens_details"]["cached_tokens"] == 4


@pytest.mark.parametrize("form", PATHS)
@pytest.mark.parametrize("header", [{"authorization": "Bearer sk-hush"}, {"x-api-key": "sk-hush"}])
def test_the_key_that_was_sent_is_repeated_in_an_error_and_in_a_reply(form: str, header: dict[str, str]) -> None:
    """What is recorded of the answer has no key all the same."""
    received = Received("POST", PATHS[form], header, json.dumps(BODIES[form]).encode())
    for fault, status in (("repeat-key status=403", 403), ("repeat-key", 200)):
        for steps, befell in ((f"  - {{say: x, fault: {fault}}}", None), ("  - say: x", parsed(fault))):
            answering = Answering(played(_TWICE + steps))
            answer = asyncio.run(answering.answer(received, routed(received), 1, befell))
            assert (answer.status, answer.fault) == (status, "repeat-key")
            assert "Incorrect API key provided: sk-hush." in json.dumps(_body(answer))
            assert "sk-hush" not in answer.error


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def _places(value: Any, path: str = "") -> Iterator[str]:
    """Every place in a body, as `changed` takes it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        inner = f"{path}.{name}" if path else str(name)
        yield inner
        yield from _places(item, inner)


@pytest.mark.parametrize("form", PATHS)
@given(data=st.data())
def test_whatever_stands_in_a_body_is_taken_or_refused(form: str, data: st.DataObject) -> None:
    """Never a defect of ours: a fake that breaks would be taken for a backend that does."""
    place = data.draw(st.sampled_from(sorted(_places(BODIES[form]))))
    body = changed(BODIES[form], place, data.draw(_JSON))
    answer = _ask(Answering(played(_TWICE + "  - say: x")), form, body)
    assert answer.status in (200, 400)
    assert (answer.status == 400) == bool(answer.error)
