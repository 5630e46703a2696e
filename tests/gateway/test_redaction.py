"""What a policy keeps back is in no part of a result, and a result without it is not touched."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.duties import Duties
from gateway.redaction import WITHHELD, Redactor
from gateway.screens.secrets import MASK

SSN, KEY = "123-45-6789", "ghp_" + "a1B2" * 9


def redacted(result: dict[str, Any], *fields: str, secrets: bool = False) -> dict[str, Any]:
    return dict(Redactor(Duties(fields, secrets=secrets)).result(result))


def text(*texts: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": each} for each in texts]} | more


@pytest.mark.parametrize(
    ("field", "value", "left"),
    [
        ("ssn", {"ssn": SSN, "name": "Ann"}, {"ssn": MASK, "name": "Ann"}),
        ("SSN", {"Ssn": SSN}, {"Ssn": MASK}),
        ("ssn", {"people": [{"ssn": SSN}, {"ssn": None}]}, {"people": [{"ssn": MASK}, {"ssn": MASK}]}),
        ("ssn", {"ssn": {"number": SSN}}, {"ssn": MASK}),
        ("customer.iban", {"customer": [{"iban": 1}], "iban": 2}, {"customer": [{"iban": MASK}], "iban": 2}),
        ("*_token", {"a_token": "x", "token": "y"}, {"a_token": MASK, "token": "y"}),
        ("c*.?an", {"customer": {"ban": 1, "iban": 2}}, {"customer": {"ban": MASK, "iban": 2}}),
        ("result.ssn", {"result": [{"ssn": SSN, "a": 1}]}, {"result": [{"ssn": MASK, "a": 1}]}),
        ("ssn", {"raw": json.dumps({"ssn": SSN, "a": 1})}, {"raw": json.dumps({"ssn": MASK, "a": 1})}),
    ],
)
def test_a_field_goes_in_structured_content_and_in_its_text_alike(field: str, value: Any, left: Any) -> None:
    found = redacted(text(json.dumps(value), json.dumps(value, indent=2), structuredContent=value), field)
    assert found["structuredContent"] == left
    assert [json.loads(block["text"]) for block in found["content"]] == [left, left]
    assert "\n" in found["content"][1]["text"]
    assert SSN not in json.dumps(found)


_WRITTEN = [
    *("customer ssn", "ssn:", "ssn ", " SSN", "SSN#", "ssn (full)", "ssn[0]", "user[ssn]", "@ssn", "ns:ssn", "$ssn"),
    *(
        "s.s.n",
        "ssn.value",
        "ssn/value",
        "customer_ssn",
        "ssnNumber",
        "S.S.N.",
        "\uff53\uff53\uff4e",
        "s\u200bsn",
        "%73sn",
    ),
]


@pytest.mark.parametrize("key", _WRITTEN)
def test_a_key_that_holds_its_name_as_a_word_is_the_field(key: str) -> None:
    value = {"name": "ann", key: SSN, "memo": f"it is {SSN}", "rows": [{"n": {key: {"of": SSN}}}]}
    found = redacted({**text(json.dumps(value)), "structuredContent": value, key: SSN, "_meta": {key: SSN}}, "ssn")
    assert SSN not in json.dumps(found)
    assert found["structuredContent"]["name"] == "ann"
    assert MASK in found["structuredContent"].values()
    assert SSN not in str(redacted({"content": [{"type": "text", "text": "{}", key: SSN}]}, "ssn"))


@pytest.mark.parametrize("value", [SSN, 123456789, {"a": [SSN]}])
def test_where_a_key_is_hidden_its_value_is_too(value: Any) -> None:
    found = redacted(text(structuredContent={"name": "ann", "classn ame": value, "it": 1}), "ssn")
    assert found["structuredContent"] == {"name": "ann", MASK: MASK, "it": 1}


def test_a_star_before_a_field_stands_for_nothing_too() -> None:
    found = redacted(text(structuredContent={"iban": "DE1", "a": {"iban": "DE2"}, "b": 1}), "*.iban")
    assert found["structuredContent"] == {"iban": MASK, "a": {"iban": MASK}, "b": 1}


def test_elements_and_fields_that_stand_as_texts_of_their_own_go_too() -> None:
    rows = [{"ssn": SSN, "n": 1}, {"ssn": SSN, "n": 2}]
    found = redacted(text(*map(json.dumps, rows), structuredContent={"result": rows}), "ssn")
    assert [json.loads(block["text"]) for block in found["content"]] == [{"ssn": MASK, "n": 1}, {"ssn": MASK, "n": 2}]


@pytest.mark.parametrize(
    "result",
    [
        text(SSN, structuredContent={"result": SSN}),
        text("123456789", structuredContent={"result": 123456789}),
        text(json.dumps([SSN]), structuredContent={"result": [SSN]}),
        text(json.dumps({"other": SSN}), structuredContent={"result": SSN}),
    ],
)
def test_a_bare_value_of_a_field_is_not_said_by_a_text_either(result: dict[str, Any]) -> None:
    found = redacted(result, "result")
    assert found == text(WITHHELD, structuredContent={"result": MASK})


@pytest.mark.parametrize(
    "prose",
    [
        f"Ann's number is {SSN}",
        f"ssn: {SSN}",
        f'{{"ssn": "{SSN}"',
        f'{{"ssn": "{SSN}"}} and more',
        f'{{"a": {{"ssn": "{SSN}"}}, "a": 1}}',
        f"{{'ssn': '{SSN}'}}",
        "42",
    ],
)
def test_a_text_in_which_no_field_can_be_found_is_withheld_whole(prose: str) -> None:
    assert redacted(text(prose), "ssn") == text(WITHHELD)


def test_prose_is_withheld_also_if_the_structured_content_says_it() -> None:
    result = text("on its way", structuredContent={"state": "on its way", "ssn": SSN})
    assert redacted(result, "ssn") == text(WITHHELD, structuredContent={"state": "on its way", "ssn": MASK})


@pytest.mark.parametrize("said", [f"Ann's ssn is {SSN}", f"Ann: {SSN}", SSN, 123456789])
def test_what_an_sdk_makes_of_a_tool_without_fields_is_prose(said: Any) -> None:
    for each in (said, [said]):
        found = redacted(text(str(said), structuredContent={"result": each}), "ssn")
        assert found["content"] == text(WITHHELD)["content"]
        assert str(said) not in str(found)


@pytest.mark.parametrize(
    "value",
    [
        {"note": f"ssn: {SSN}"},
        {"note": f"SSN {SSN}"},
        {"note": f"s.s.n. = {SSN}"},
        {"note": f'Found: {{"ssn": "{SSN}"}}'},
        {"note": f'Found: {{"\\u0073sn": "{SSN}"}}'},
        {"note": f"?%73sn={SSN}"},
        {"note": f"&#115;sn={SSN}"},
        {"name": "ssn", "value": SSN},
        {"label": "SSN:", "value": SSN},
        {"columns": ["name", "ssn"], "rows": [["Ann", SSN]]},
        {"pairs": [["ssn", SSN]]},
        {"raw": json.dumps({"name": "ssn", "value": SSN})},
        {f"ssn {SSN}": True},
        {"ssn": SSN, "copy": SSN},
        {"first": f"it is {SSN}", "ssn": SSN},
        {"ssn": SSN, "digits": 123456789},
        {"ssn": 123456789, "digits": SSN},
        {"ssn": SSN, "index": {SSN: 1}},
        {"people": [{"ssn": [SSN]}], "log": f"read {SSN}, sent"},
    ],
)
def test_a_field_that_is_told_in_another_way_goes_too(value: dict[str, Any]) -> None:
    found = str(redacted(text(json.dumps(value), structuredContent=value, _meta=value), "ssn"))
    assert SSN not in found
    assert "123456789" not in found
    assert SSN not in Redactor(Duties(("ssn",))).words(json.dumps(value))


@pytest.mark.parametrize(
    "result",
    [
        {"content": [], "ssn": SSN, "structuredContent": {"memo": SSN}},
        {"content": [{"type": "text", "text": "{}", "ssn": SSN}], "structuredContent": {"memo": f"it is {SSN}"}},
        {"content": [{"type": "text", "text": "{}", "ssn": {"a": [SSN]}}], "structuredContent": {"memo": SSN}},
        {"content": [], "structuredContent": {"ssn": 123456789.0, "memo": 123456789}},
        {"content": [], "structuredContent": {"memo": 123456789.0, "raw": json.dumps({"ssn": SSN})}},
    ],
)
def test_its_value_goes_wherever_else_in_the_result_it_stands(result: dict[str, Any]) -> None:
    found = str(redacted(result, "ssn"))
    assert SSN not in found
    assert "123456789" not in found


def test_names_in_a_list_make_it_unclear_what_stands_beside_them() -> None:
    assert SSN not in str(redacted(text(json.dumps(["ssn", {"value": SSN}])), "ssn"))


@pytest.mark.parametrize(
    "block",
    [
        {"type": "resource_link", "uri": f"crm://ann?ssn={SSN}", "name": "ann"},
        {"type": "resource_link", "uri": "crm://ann", "name": "ann", "description": f"her number is {SSN}"},
        {"type": "resource", "resource": {"uri": f"crm://ssn/{SSN}", "text": "{}"}},
        {"type": "resource", "resource": {"uri": f"crm://ann#{SSN}", "blob": "aGk="}},
        {"type": f"ssn {SSN}", "text": "{}"},
        {"type": "text", "text": "{}", "title": SSN},
        {"type": "text", "text": "{}", "mimeType": f"text/plain; ssn={SSN}"},
        {"type": {"ssn": SSN}, "text": "{}"},
        f"the number is {SSN}",
    ],
)
def test_no_part_of_a_block_is_left_out(block: Any) -> None:
    assert SSN in str(block)
    assert SSN not in str(redacted({"content": [block]}, "ssn"))


@pytest.mark.parametrize("value", [{"ssn": SSN}, f"ssn {SSN}", f"it is {SSN}", [f"it is {SSN}"]])
@pytest.mark.parametrize(
    "key",
    ["requestState", "taskId", "resultType", "isError", "status", "pollInterval", "ttl", "ssn", "createdAt", "error"],
)
def test_what_stands_in_the_place_of_a_word_of_the_protocol_is_data(key: str, value: Any) -> None:
    assert SSN not in str(redacted({key: value, "content": []}, "ssn"))


def test_the_error_of_a_task_is_read_as_errors_are() -> None:
    state = {"status": "failed", "error": {"code": -1, "message": f"it is {SSN}", "data": {"ssn": SSN}}}
    found = redacted(state, "ssn")
    assert found == {"status": "failed", "error": {"code": -1, "message": WITHHELD, "data": {"ssn": MASK}}}


def test_words_of_the_protocol_stay_whatever_is_redacted() -> None:
    told = {"status": "working", "createdAt": "2026-11-25T10:00:00.000Z", "ttlMs": 5, "resultType": "complete"}
    assert redacted({**told, "name": "text"}, "name", "status") == {**told, "name": MASK}
    blocks = text(json.dumps({"name": "text"}), json.dumps({"name": "content"}))
    assert redacted(blocks, "name") == text(json.dumps({"name": MASK}), json.dumps({"name": MASK}))


def test_what_has_nothing_to_do_with_a_field_stays() -> None:
    value = {"name": "Ann Miller", "note": "called on Monday, calls again", "classname": "x", "n": 12, "ok": True}
    found = redacted(text(json.dumps(value | {"ssn": SSN}), structuredContent=value | {"ssn": SSN}), "ssn")
    assert found["structuredContent"] == value | {"ssn": MASK}
    assert json.loads(found["content"][0]["text"]) == value | {"ssn": MASK}


def test_binary_data_is_withheld() -> None:
    blocks = [
        {"type": "image", "data": "aGk=", "mimeType": "image/png"},
        {"type": "resource", "resource": {"uri": "crm://1", "blob": "aGk=", "mimeType": "x/y"}},
    ]
    found = redacted({"content": blocks}, "ssn")
    assert found["content"] == [
        {"type": "text", "text": WITHHELD},
        {"type": "resource", "resource": {"uri": "crm://1", "text": WITHHELD}},
    ]


@pytest.mark.parametrize(
    "result",
    [
        {"contents": [{"uri": "crm://1", "mimeType": "application/json", "text": json.dumps({"ssn": SSN})}]},
        {"messages": [{"role": "user", "content": {"type": "text", "text": json.dumps({"ssn": SSN})}}]},
        {"content": [{"type": "resource", "resource": {"uri": "crm://1", "text": json.dumps([{"ssn": SSN}])}}]},
        {"status": "completed", "taskId": "T", "result": text(json.dumps({"ssn": SSN}))},
        {"status": "working", "taskId": "T", "statusMessage": f"at {SSN}"},
        text(_meta={"ssn": SSN}),
        text(_meta={"com.acme/raw": json.dumps({"ssn": SSN})}),
    ],
)
def test_it_goes_wherever_a_result_has_a_place_for_it(result: dict[str, Any]) -> None:
    assert SSN in json.dumps(result)
    assert SSN not in json.dumps(redacted(result, "ssn"))


def test_secrets_go_by_their_form_also_in_prose_keys_and_names() -> None:
    result = text(f"Use {KEY}.", json.dumps({"k": [KEY]}), structuredContent={KEY: {"a": f"x {KEY}"}}, _meta={"n": KEY})
    found = redacted(result, secrets=True)
    assert KEY not in json.dumps(found)
    assert found["content"][0]["text"] == f"Use {MASK}."


def test_what_is_not_ours_to_read_stays() -> None:
    result = {"resultType": "input_required", "requestState": KEY, "inputRequests": {}}
    assert redacted(result, "requestState", secrets=True) == result


def test_a_result_that_holds_nothing_of_it_is_the_same_object() -> None:
    value = {"name": "Ann", "rows": [1, {"a": None}]}
    result = text(json.dumps(value), structuredContent=value, isError=False)
    assert Redactor(Duties(("ssn",), secrets=True)).result(result) is result


def test_what_is_nested_too_deep_to_look_into_is_withheld() -> None:
    deep: Any = SSN
    for _ in range(3000):
        deep = [deep]
    found = redacted({"content": [], "structuredContent": {"a": deep}}, "ssn")
    assert found == {**text(WITHHELD), "isError": True}
    assert redacted(text("[" * 100_000), "ssn")["content"][0]["text"] == WITHHELD


_LEAF = st.none() | st.booleans() | st.integers(-5, 5) | st.text('ab{}[]" ', max_size=5)
_VALUE = st.recursive(
    _LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "ssn"]), inner, max_size=3),
    max_leaves=8,
)


def _hidden(value: Any) -> Any:
    """The same, with a mark in the place of each field `ssn`."""
    if isinstance(value, dict):
        return {key: SSN if key == "ssn" else _hidden(item) for key, item in value.items()}
    return [_hidden(item) for item in value] if isinstance(value, list) else value


@given(st.lists(_VALUE, max_size=3), st.none() | st.dictionaries(st.sampled_from(["a", "ssn"]), _VALUE, max_size=2))
def test_whatever_a_result_looks_like_its_fields_are_gone(texts: list[Any], structured: Any) -> None:
    marked = [json.dumps(_hidden(each)) for each in texts]
    result = text(*marked, *(json.dumps({"raw": each}) for each in marked), structuredContent=_hidden(structured))
    assert SSN not in json.dumps(redacted(result, "ssn"))
