import pytest

from providers import ToolResult
from providers.scripted.seen import Returned, Seen
from providers.scripted.template import Reference


def _returned(*texts: str, is_error: bool = False, structured: object = None) -> Returned:
    meta = {} if structured is None else {"structuredContent": structured}
    blocks = [{"type": "image", "data": ""}, *({"type": "text", "text": text} for text in texts)]
    return Returned("shop/get_stock", ToolResult("c1_1", blocks, is_error, meta))


def test_structured_content_comes_before_text() -> None:
    assert _returned('{"stock": 1}', structured={"stock": 2}).value == {"stock": 2}


def test_without_structured_content_text_is_read_as_json_or_left() -> None:
    assert _returned('{"stock": 1}').value == {"stock": 1}
    assert _returned("plain", "words").value == "plain\nwords"


def test_a_refusal_and_a_wait_are_told_apart_from_other_errors() -> None:
    denied = _returned("Denied: refunds over 100 need a manager (rule policies/policy.csv:12).", is_error=True)
    pending = _returned("Not executed yet: a person must approve this call first.", is_error=True)
    broken = _returned("there is no product `X`", is_error=True)
    assert [(one.is_error, one.denied, one.pending) for one in (denied, pending, broken)] == [
        (True, True, False),
        (True, False, True),
        (True, False, False),
    ]
    assert not _returned("Denied: is only a word here").denied


def test_results_are_found_by_number_name_and_tool() -> None:
    one, named = _returned("1"), _returned("2")
    seen = Seen(results=(one,), named={"order": named})
    assert seen.of(0) is one
    assert seen.of("shop/get_stock") is one
    assert seen.of("order") is named
    for missing, text in ((1, "made 1 calls"), ("nope", "no call `nope` has returned")):
        with pytest.raises(LookupError, match=text):
            seen.of(missing)


def test_a_reference_is_looked_up() -> None:
    seen = Seen(results=(_returned(structured={"a": [1, 2]}),))
    assert seen.look(Reference(0, ("a", 1), "")) == 2


def test_a_call_without_a_result_is_empty() -> None:
    lost = Returned("a/b", None)
    assert (lost.text, lost.value, lost.is_error, lost.denied) == ("", "", False, False)
