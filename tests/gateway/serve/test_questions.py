"""Who can be asked what."""

from typing import Any

import pytest

from gateway.serve.questions import for_the_handshake_era, lacking, lacking_among, unasked, worded

FORM, PAGE = {"message": "?"}, {"mode": "url", "message": "?", "url": "https://example.com"}
TOOLS = {"messages": [], "tools": [{"name": "t"}]}


@pytest.mark.parametrize(
    ("method", "params", "declared", "missing"),
    [
        ("elicitation/create", FORM, {"elicitation": {}}, {}),
        ("elicitation/create", FORM, {"elicitation": {"form": {}}}, {}),
        ("elicitation/create", FORM, {"elicitation": {"url": {}}}, {"elicitation": {"form": {}}}),
        ("elicitation/create", FORM, {}, {"elicitation": {"form": {}}}),
        ("elicitation/create", FORM, {"elicitation": True}, {"elicitation": {"form": {}}}),
        ("elicitation/create", PAGE, {"elicitation": {"url": {}}}, {}),
        ("elicitation/create", PAGE, {"elicitation": {}}, {"elicitation": {"url": {}}}),
        ("sampling/createMessage", {}, {"sampling": {}}, {}),
        ("sampling/createMessage", {}, {"roots": {}}, {"sampling": {}}),
        ("sampling/createMessage", TOOLS, {"sampling": {}}, {"sampling": {"tools": {}}}),
        ("sampling/createMessage", TOOLS, {"sampling": {"tools": {}}}, {}),
        ("roots/list", {}, {"roots": {"listChanged": True}}, {}),
        ("roots/list", {}, {"sampling": {}}, {"roots": {}}),
        ("tasks/get", {}, {"roots": {}}, {"tasks/get": {}}),
    ],
)
def test_a_client_is_asked_only_what_he_declared(method: str, params: Any, declared: Any, missing: Any) -> None:
    assert lacking(method, params, declared) == missing


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        ({"a": {"method": "roots/list"}, "b": {"method": "elicitation/create", "params": FORM}}, {"roots": {}}),
        ({"b": {"method": "elicitation/create", "params": FORM}}, {}),
        ({"b": {"method": "elicitation/create", "params": 5}}, {}),
        ({"a": {"method": "no/question"}, "b": 5}, {}),
        ("nothing", {}),
        (None, {}),
    ],
)
def test_of_a_task_no_question_is_shown_that_its_client_did_not_declare(asked: Any, missing: Any) -> None:
    state = {"status": "input_required", "inputRequests": asked}
    declared: dict[str, Any] = {"elicitation": {}}
    assert lacking_among(state, declared) == missing
    assert unasked(state, declared) == ({"status": "input_required"} if missing else state)


def test_what_is_missing_is_said_in_one_word() -> None:
    assert worded({"elicitation": {"url": {}}}) == "`elicitation.url`"
    assert worded({"roots": {}}) == "`roots`"


def test_in_the_handshakes_era_a_page_has_an_id_of_its_own() -> None:
    ids = {for_the_handshake_era("elicitation/create", PAGE)["elicitationId"] for _ in range(2)}
    assert len(ids) == 2
    assert for_the_handshake_era("elicitation/create", {**PAGE, "elicitationId": "e1"})["elicitationId"] == "e1"
    assert for_the_handshake_era("elicitation/create", FORM) == FORM
