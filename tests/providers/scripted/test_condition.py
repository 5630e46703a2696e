import pytest

from providers import ToolResult
from providers.scripted.condition import condition, miss
from providers.scripted.nodes import ScriptError, composed
from providers.scripted.seen import Returned, Seen


def _returned(tool: str, text: str, structured: object = None, is_error: bool = False) -> Returned:
    meta = {} if structured is None else {"structuredContent": structured}
    return Returned(tool, ToolResult("id", [{"type": "text", "text": text}], is_error, meta))


STOCK = _returned("shop/get_stock", '{"sku": "BELL", "stock": 4}', {"sku": "BELL", "stock": 4})
DENIED = _returned("shop/refund", "Denied: too much (rule p.csv:3). Do not retry this call.", is_error=True)
SEEN = Seen("Please refund me", (STOCK, DENIED), {"stock": STOCK})


@pytest.mark.parametrize(
    "text",
    [
        "{contains: BELL}",
        "{contains: too much}",
        "{call: 0, contains: '\"stock\": 4'}",
        "{call: 0, at: stock, contains: '4'}",
        "{call: 0, at: stock, contains: 4}",
        "{call: 0, equals: {sku: BELL, stock: 4}}",
        "{call: stock, at: stock, equals: 4}",
        "{call: shop/get_stock, at: sku, equals: BELL}",
        "{call: shop/get_stock, at: sku, equals: '${calls.stock.sku}'}",
        "{call: 0, is_error: false}",
        "{is_error: true}",
        "{call: 1, is_error: true, denied: true, pending: false}",
        "{denied: true}",
        "{said: REFUND}",
    ],
)
def test_a_condition_that_holds_misses_nothing(text: str) -> None:
    assert miss(condition(composed(text, "x")), SEEN) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{contains: HELMET}", 'expected the results to contain `"HELMET"`, but got'),
        ("{call: 0, contains: HELMET}", 'expected call `0` to contain `"HELMET"`, but got'),
        ("{call: 0, at: stock, equals: 5}", "expected `stock` of call `0` to equal `5`, but got `4`"),
        ("{call: 0, at: stock, equals: '4'}", 'to equal `"4"`, but got `4`'),
        ("{call: 0, at: price, equals: 4}", "but there is no `price` in"),
        ("{call: 7, contains: x}", "but the last turn made 2 calls, so there is no result 7"),
        ("{call: gone, contains: x}", "no call `gone` has returned"),
        ("{equals: 4}", "there are 2 results; say which one with `call`"),
        ("{is_error: false}", 'to have is_error `false`, but got `"Denied: too much'),
        ("{call: 0, denied: true}", "to have denied `true`, but got"),
        ("{pending: true}", "to have pending `true`"),
        ("{said: order}", 'expected the user to say `"order"`, but they said `"Please refund me"`'),
        ("{call: 0, at: stock, equals: '${calls.stock.nope}'}", "there is no `nope`"),
    ],
)
def test_a_condition_that_does_not_hold_says_what_came(text: str, told: str) -> None:
    came = miss(condition(composed(text, "x")), SEEN)
    assert came is not None
    assert told in came


def test_what_came_is_cut() -> None:
    long = Seen(results=(_returned("a/b", "x" * 10_000),))
    assert len(miss(condition(composed("{contains: y}", "x")), long) or "") < 400


def test_nothing_came_back() -> None:
    assert "nothing came back" in str(miss(condition(composed("{is_error: true}", "x")), Seen()))
    assert miss(condition(composed("{is_error: false}", "x")), Seen()) is None


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{}", "x:1:1: a condition needs one of `contains`, `equals`"),
        ("{call: 0}", "a condition needs one of"),
        ("{contain: x}", "unknown key `contain`; did you mean `contains`?"),
        ("{at: x, is_error: true}", "x:1:6: `at` names a field for `contains` or `equals`"),
        ("{call: -1, contains: x}", "`call` is a call's number in the last turn"),
        ("{call: true, contains: x}", "`call` is a call's number in the last turn"),
        ("{is_error: 'yes'}", "expected true or false, found `yes`"),
    ],
)
def test_a_condition_is_read_strictly(text: str, error: str) -> None:
    with pytest.raises(ScriptError) as caught:
        condition(composed(text, "x"))
    assert error in str(caught.value)
