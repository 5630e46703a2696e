"""The first difference between what was said then and now, in words that say where it is."""

from typing import Any

import pytest

from providers import Image, Message, Text, ToolResult
from providers.differing import difference

NAMES = {"c1": "shop__stock", "c2": "shop__order"}


def user(text: str, **meta: Any) -> Message:
    return Message("user", (Text(text, meta),))


def tool(*results: ToolResult) -> Message:
    return Message("tool", results)


def result(text: str, call: str = "c1", *, error: bool = False, structured: Any = None) -> ToolResult:
    meta = {} if structured is None else {"structuredContent": structured}
    return ToolResult(call, [{"type": "text", "text": text}], error, meta)


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        ([user("Go.")], [user("Stop.")], "what the user said was `Go.` and is `Stop.`"),
        (
            [tool(result("12 left"), result("ok", "c2"))],
            [tool(result("12 left"), result("no", "c2", error=True))],
            "the result of `shop__order` at `error` was `false` and is `true`",
        ),
        (
            [tool(result("a", structured={"items": [{"left": 1}]}))],
            [tool(result("a", structured={"items": [{"left": "1"}]}))],
            "the result of `shop__stock` at `structuredContent.items[0].left` was `1` and is `1`",
        ),
        (
            [tool(result("a", structured={"at": 1}))],
            [tool(result("a", structured={}))],
            "the result of `shop__stock` at `structuredContent.at` was `1` and is not there",
        ),
        (
            [tool(result("x" * 500 + "THEN" + "y" * 500))],
            [tool(result("x" * 500 + "NOW" + "y" * 500))],
            "the result of `shop__stock` at `content[0].text` was `…xxxxxxxxxxxxxxxxxxxxTHENyyyy",
        ),
        ([user("Go.")], [], "what the user said is missing"),
        ([tool(result("a"))], [tool(result("a"), result("b", "c2"))], "the result of `shop__order` is new"),
        ([tool(result("a"))], [user("a")], "there was the result of `shop__stock`, and there is what the user said"),
        (
            [Message("user", (Image("image/png", "AA"),))],
            [Message("user", (Image("image/png", "BB"),))],
            "what the user said is another one",
        ),
    ],
)
def test_it_says_what_differs_first_and_where(then: list[Message], now: list[Message], told: str) -> None:
    found = difference(then, now, NAMES)
    assert found is not None
    assert found.startswith(told)


def test_the_same_is_the_same_and_what_the_gateway_adds_is_not_compared() -> None:
    then = [tool(result("12 left")), user("Go.")]
    assert difference(then, then, NAMES) is None
    assert difference(then, [*then, user("Little is left of the budget.", aside=True)], NAMES) is None
    cut = ToolResult("c1", [{"type": "text", "text": "1 […] t"}], meta={"aside": True})
    assert difference(then, [tool(cut), user("Go.")], NAMES) is None
