"""What the admin says about the effects of tools, and what follows from it."""

from typing import Any

import pytest

from gateway.call import Answered, InDoubt, InputRequired, Outcome, Refused, Unsent
from gateway.effects import Effects, Missing, Recipe, ToolWord, result_of, wrong_place
from tests.builders import a_call, a_tool, answer

CALL = a_call("shop/order", {"sku": "X", "lines": [{"id": 7}], "note": ""})


def test_places_stand_for_what_is_found_there_and_all_else_for_itself() -> None:
    recipe = Recipe(
        "shop/cancel",
        {
            "key": "{key}",
            "of": ["{arguments.lines.0.id}", "{arguments.note}", "x {key}"],
            "all": "{arguments}",
            "order": {"id": "{result.order.id}", "n": 1.5},
        },
    )
    assert recipe.filled(CALL, {"order": {"id": "O-1"}}) == {
        "key": "r-1/t1/call/1",
        "of": [7, "", "x {key}"],
        "all": CALL.arguments.value,
        "order": {"id": "O-1", "n": 1.5},
    }
    assert Recipe("shop/cancel").filled(CALL) == CALL.arguments.value


@pytest.mark.parametrize("place", ["result.id", "arguments.gone", "arguments.lines.1", "arguments.sku.x"])
def test_what_is_not_there_is_said_and_nothing_is_made_up(place: str) -> None:
    with pytest.raises(Missing, match=f"there is no `{place}`"):
        Recipe("shop/cancel", {"id": f"{{{place}}}"}).filled(CALL, {"other": 1})


def test_the_key_that_was_put_in_is_no_argument_of_the_call() -> None:
    assert Recipe("shop/cancel").filled(CALL.with_key("request_id")) == CALL.arguments.value


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ({"a": "{key}", "b": ["{arguments.x}", {"c": "{result.y.0}"}]}, None),
        ({"a": "plain", "b": "{a} and {b}", "c": 1}, None),
        ({"a": "{keys}"}, "{keys}"),
        ({"a": ["{key.x}"]}, "{key.x}"),
        ({"a": {"b": "{arguments.}"}}, "{arguments.}"),
        ({"a": "{}"}, "{}"),
    ],
)
def test_a_place_that_is_none_is_found(arguments: Any, wrong: str | None) -> None:
    assert wrong_place(arguments) == wrong


def test_what_is_not_known_yet_is_no_place_for_an_inquiry() -> None:
    assert wrong_place({"a": "{result.id}"}, ("key", "arguments")) == "{result.id}"


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (Answered({"content": [], "structuredContent": {"id": 1}}), {"id": 1}),
        (answer('{"id": 2}'), {"id": 2}),
        (answer("[1]"), None),
        (answer("no JSON"), None),
        (Answered({"content": [{"type": "text", "text": '{"id": 1}'}] * 2}), None),
        (Answered({"content": [], "structuredContent": {"id": 1}, "isError": True}), None),
        (Answered({}), None),
        (InDoubt("lost"), None),
        (None, None),
    ],
)
def test_a_result_is_structured_or_the_one_text_that_is_an_object(outcome: Outcome | None, result: Any) -> None:
    assert result_of(outcome) == result


FAILED = answer("The shop is closed: try again later.", is_error=True)


@pytest.mark.parametrize(
    ("outcome", "repeatable", "again"),
    [
        (Unsent("down"), False, True),
        (InDoubt("lost"), True, True),
        (InDoubt("lost"), False, False),
        (FAILED, True, True),
        (answer("No such thing.", is_error=True), True, False),
        (answer("try again later"), True, False),
        (Refused(-32000, "try again later"), True, False),
        (InputRequired({}), True, False),
    ],
)
def test_what_is_made_again_is_what_surely_did_not_happen_or_may_happen_twice(
    outcome: Outcome, repeatable: bool, again: bool
) -> None:
    word = ToolWord(retries=1, retry_errors=("try again later", "busy"))
    assert word.again(outcome, repeatable=repeatable) is again


def test_a_word_about_a_tool_comes_before_the_word_about_its_server() -> None:
    effects = Effects({"shop/order": ToolWord(read_only=True)}, {"shop": ToolWord(retries=3)})
    assert effects.of("shop/order") == ToolWord(read_only=True)
    assert effects.of("shop/other").retries == 3
    assert effects.of("desk/put") == ToolWord()
    assert Effects().of("shop/order") == ToolWord()


def test_a_tool_only_reads_by_a_trusted_servers_word_or_by_the_admins() -> None:
    vouched = Effects({"shop/find": ToolWord(read_only=True)})
    assert Effects().reads("shop/find", a_tool("shop/find", trusted=True, readOnlyHint=True))
    assert not Effects().reads("shop/find", a_tool("shop/find", readOnlyHint=True))
    assert vouched.reads("shop/find", a_tool("shop/find"))
    assert not vouched.reads("shop/find", None)
