"""An outcome as its call's duties leave it, whatever kind of outcome it is."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.call import (
    PAGE_FIRST,
    Answered,
    InDoubt,
    InputRequired,
    JsonObject,
    Outcome,
    Refused,
    TaskCreated,
    Tool,
    Unsent,
)
from gateway.duties import Duties
from gateway.fulfilment import fulfilled, rehearsed
from gateway.redaction import WITHHELD
from gateway.screens.secrets import MASK
from gateway.verbatim import encode, read, whole
from tests.builders import a_call
from tests.fixtures.policies import a_tool

CALL, TOOL = a_call("crm/find", '{"id":7}'), a_tool("crm/find")
SSN, KEY = "123-45-6789", "ghp_" + "a1B2" * 9
REDACT, SECRETS = Duties(("ssn",)), Duties(secrets=True)
SMALL = Duties(max_result_bytes=100, rules=("/srv/policies/policy.csv:4",))


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": said}]} | more


def promising(schema: JsonObject) -> Tool:
    return replace(TOOL, definition={**TOOL.definition, "outputSchema": schema}, pin=json.dumps(schema))


def test_a_result_that_has_nothing_of_it_goes_on_as_the_text_that_it_was() -> None:
    raw = read(b'{"content": [{"type": "text", "text": "{\\"a\\": 1e2}"}]}')
    outcome = Answered(raw)
    duties = Duties(("ssn",), secrets=True, max_result_bytes=len(raw.text))
    assert fulfilled(outcome, duties, "call", TOOL) is outcome


@pytest.mark.parametrize("outcome", [Unsent("away"), InDoubt("no answer")])
def test_our_own_words_stay(outcome: Outcome) -> None:
    assert fulfilled(outcome, replace(REDACT, secrets=True, max_result_bytes=1), "call", TOOL) is outcome


def test_an_error_of_the_server_is_redacted_too() -> None:
    refused = Refused(-32000, f"{SSN} is wrong", {"ssn": SSN, "n": 1})
    assert fulfilled(refused, REDACT, "call", TOOL) == Refused(-32000, WITHHELD, {"ssn": MASK, "n": 1})
    assert fulfilled(Refused(-1, f"with {KEY}"), SECRETS, "call", TOOL) == Refused(-1, f"with {MASK}")
    more = Refused(-1, "no", None, {"ssn": SSN, "key": [KEY], "n": 1})
    masked = fulfilled(more, replace(REDACT, secrets=True), "call", TOOL)
    assert masked == Refused(-1, WITHHELD, None, {"ssn": MASK, "key": [MASK], "n": 1})


def test_an_error_whose_data_can_not_be_looked_through_loses_it() -> None:
    deep: Any = SSN
    for _ in range(250):
        deep = {"a": deep}
    found = fulfilled(Refused(-1, "no", deep, {"data": deep}), replace(REDACT, redact=("data", "ssn")), "call", TOOL)
    assert isinstance(found, Refused)
    assert SSN not in str(found)


def test_a_question_is_not_put_where_fields_are_redacted() -> None:
    asks = {"inputRequests": {"a": {"method": "elicitation/create", "params": {"message": SSN}}}}
    page = Refused(PAGE_FIRST, "log in", {"elicitations": [{"url": "https://x.example", "message": SSN}]})
    for question in (InputRequired(asks), Answered({"taskId": "t", "status": "input_required", **asks}), page):
        refused = fulfilled(question, REDACT, "call", TOOL)
        assert isinstance(refused, Refused)
        assert refused.code != PAGE_FIRST
        assert SSN not in str(refused)
    masked = fulfilled(InputRequired({"inputRequests": {"a": {"params": {"message": KEY}}}}), SECRETS, "call", TOOL)
    assert isinstance(masked, InputRequired)
    assert KEY not in str(masked)


def test_where_a_task_stands_keeps_its_name_and_loses_the_rest() -> None:
    created = TaskCreated({"taskId": "t", "status": "working", "statusMessage": f"at {SSN}"}, "T-1")
    told = TaskCreated({"taskId": "t", "status": "working", "statusMessage": WITHHELD}, "T-1")
    assert fulfilled(created, REDACT, "call", TOOL) == told


# ---- output schemas


def test_structured_content_that_still_fits_its_schema_stays() -> None:
    tool = promising({"type": "object", "properties": {"ssn": {"type": "string"}}, "required": ["ssn"]})
    found = fulfilled(Answered(text(json.dumps({"ssn": SSN}), structuredContent={"ssn": SSN})), REDACT, "call", tool)
    assert isinstance(found, Answered)
    assert found.result["structuredContent"] == {"ssn": MASK}
    assert not found.is_error


def test_structured_content_that_does_not_fit_any_more_makes_an_error_that_says_that_the_call_was_made() -> None:
    tool = promising({"type": "object", "properties": {"ssn": {"type": "number"}}, "required": ["ssn"]})
    found = fulfilled(Answered(text(json.dumps({"ssn": 7}), structuredContent={"ssn": 7})), REDACT, "call", tool)
    assert isinstance(found, Answered)
    assert found.is_error
    assert "structuredContent" not in found.result
    assert "The call was made" in found.result["content"][0]["text"]
    assert json.loads(found.result["content"][1]["text"]) == {"ssn": MASK}


# ---- size


def test_what_is_too_large_is_not_cut_but_withheld_and_says_so() -> None:
    long = Answered(text("x" * 200))
    found = fulfilled(long, SMALL, "call", TOOL)
    assert isinstance(found, Answered)
    assert found.is_error
    said = found.result["content"][0]["text"]
    assert "The call was made" in said
    assert "239 bytes" in said
    assert "allows 100 (policy.csv:4)" in said
    assert "xxx" not in said
    assert "/srv" not in said


def test_the_size_is_that_of_what_is_left_after_redaction() -> None:
    row = {"ssn": "1" * 200}
    both = replace(SMALL, redact=("ssn",))
    found = fulfilled(Answered(text(json.dumps(row))), both, "call", TOOL)
    assert found == Answered(text(json.dumps({"ssn": MASK})))


@pytest.mark.parametrize("action", ["read", "get"])
def test_a_resource_or_a_prompt_that_is_too_large_is_an_error_of_the_protocol(action: Any) -> None:
    found = fulfilled(Answered({"contents": [{"uri": "a://b", "text": "x" * 200}]}), SMALL, action, None)
    assert isinstance(found, Refused)
    assert "withheld" in found.message


def test_a_task_whose_result_is_too_large_still_stands_where_it_stands() -> None:
    state = {"taskId": "t", "status": "completed", "result": text("x" * 200)}
    found = fulfilled(Answered(state), SMALL, "call", TOOL)
    assert isinstance(found, Answered)
    assert (found.result["taskId"], found.result["status"]) == ("t", "completed")
    assert found.result["result"]["isError"] is True


def test_a_long_error_of_a_server_is_withheld_too() -> None:
    for refused in (Refused(-32000, "x" * 200), Refused(-32000, "no", None, {"why": "x" * 200})):
        assert "xxx" not in str(fulfilled(refused, SMALL, "call", TOOL))


# ---- dry runs


def test_a_dry_run_says_what_would_have_been_sent() -> None:
    found = rehearsed(CALL, TOOL, Duties(dry_run=True, rules=("p/policy.csv:9",)))
    said = found.result["content"][0]["text"]
    assert said.startswith("Dry run: `crm/find` was not called, and nothing was changed (policy.csv:9).")
    assert said.endswith('{"id":7}')
    assert not found.is_error


def test_a_dry_run_of_a_tool_that_promises_a_form_is_an_error_for_clients_hold_it_to_that() -> None:
    assert rehearsed(CALL, promising({"type": "object"}), Duties(dry_run=True)).is_error


def test_beside_what_is_redacted_all_keeps_its_text() -> None:
    raw = b'{"content":[ ],"structuredContent":{"ssn":"%b","n":1.10,"in":[1E5,{"ssn":"%b","z":-0.0}]},"x":1.0}'
    outcome = Answered(read(raw % (SSN.encode(), SSN.encode())))
    redacted = fulfilled(outcome, REDACT, "call", None)
    assert isinstance(redacted, Answered)
    assert encode(whole(redacted.result)) == raw % (MASK.encode(), MASK.encode())
    data = read(b'{"ssn":"%b","n":1.10}' % SSN.encode())
    refused = fulfilled(Refused(-1, "no", data), REDACT, "call", None)
    assert isinstance(refused, Refused)
    assert encode(whole(refused.data)) == b'{"ssn":"%b","n":1.10}' % MASK.encode()
