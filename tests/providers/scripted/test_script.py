import json

import pytest

from providers.scripted.faults import Fault
from providers.scripted.nodes import ScriptError
from providers.scripted.script import Failure, Fork, Tokens, Turn, parsed

WHOLE = """
steps:
  - label: look
    think: Let me look.
    say: One moment.
    calls:
      - {tool: shop/get_stock, args: {sku: OIL-CHAIN}, as: stock}
      - {tool: shop/get_customer, args: {customer_id: C-1}}
    usage: {input: 100, output: 20, cache_read: 60, cache_write: 10, reasoning: 5}
    cost_usd: 0.0015
    delay_ms: 250
    fail: {kind: rate_limit, retry_after: 1.5, times: 2, message: slow down}
    fault: cut after=2
    finish: length
  - branch:
      - {when: {call: stock, at: stock, equals: 0}, goto: sorry}
      - {when: [{is_error: true}, {denied: true}], goto: look}
  - call: {tool: shop/create_order, args: {sku: "${calls.stock.sku}"}}
    expect: {contains: OIL}
    repeat: 3
    goto: end
  - label: sorry
    say: Sorry.
    fault: 503
    call: {tool: a/b, raw: '{"sku": '}
"""


def test_every_key_is_read() -> None:
    look, fork, order, sorry = parsed(WHOLE, "s.yaml").steps
    assert isinstance(look, Turn)
    assert (look.think, look.say, look.delay, look.cost_nanos) == ("Let me look.", "One moment.", 0.25, 1_500_000)
    assert look.tokens == Tokens(100, 20, 60, 10, 5)
    assert (look.fault, look.finish) == (Fault("cut", {"after": "2"}, 1), "length")
    assert look.failure == Failure("rate_limit", "slow down", 1.5, 2)
    assert [(use.tool, use.args, use.name) for use in look.calls] == [
        ("shop/get_stock", {"sku": "OIL-CHAIN"}, "stock"),
        ("shop/get_customer", {"customer_id": "C-1"}, None),
    ]
    assert isinstance(fork, Fork)
    assert [(len(choice.when), choice.goto) for choice in fork.choices] == [(1, 3), (2, 0)]
    assert isinstance(order, Turn)
    assert (len(order.expect), order.repeat, order.goto, len(order.calls)) == (1, 3, 4, 1)
    assert isinstance(sorry, Turn)
    assert (sorry.say, sorry.goto, sorry.repeat) == ("Sorry.", None, 1)
    assert (sorry.calls[0].raw, sorry.fault) == ('{"sku": ', Fault("status", {"status": "503"}, 1))


def test_a_script_may_be_json() -> None:
    script = parsed(json.dumps({"steps": [{"say": "hello"}, {"call": {"tool": "a/b"}}]}, indent=2), "s.json")
    assert [isinstance(step, Turn) for step in script.steps] == [True, True]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("steps: []", "s.yaml: the script has no `steps:`"),
        ("{}", "s.yaml: the script has no `steps:`"),
        ("- say: a", "s.yaml:1:1: this is a list; write `steps:` above it"),
        ("step: []", "s.yaml:1:1: unknown key `step`; did you mean `steps`?"),
        ("steps:\n  - sya: hello", "s.yaml:2:5: unknown key `sya`; did you mean `say`?"),
        ("steps:\n  - think: hm", "s.yaml:2:5: a step needs `say`, `call` or `calls` (or `branch`)"),
        ("steps:\n  - say: 7", "s.yaml:2:10: expected a text, found `7`; put it into quotes"),
        ("steps:\n  - say: x\n    branch: []", "s.yaml:2:5: unknown key `say`"),
        ("steps:\n  - branch: [{when: {is_error: true}}]", "s.yaml:2:14: a branch needs `goto:`"),
        ("steps:\n  - {label: abc, say: x}\n  - {say: x, goto: abd}", "unknown label `abd`; did you mean `abc`?"),
        ("steps:\n  - {label: a, say: x}\n  - {label: a, say: x}", "s.yaml:3:13: the label `a` is taken"),
        ("steps:\n  - {label: end, say: x}", "the label `end` is taken"),
        ("steps:\n  - {call: {tool: a/b}, calls: []}", "either `call` or `calls`"),
        ("steps:\n  - call: {args: {}}", "s.yaml:2:11: a call needs `tool: server/tool`"),
        ("steps:\n  - call: {tool: a/b, args: [1]}", "`args` must be keys with values"),
        ("steps:\n  - call: {tool: a/b, arg: {}}", "unknown key `arg`; did you mean `args`?"),
        ("steps:\n  - {say: x, fail: {kind: rate_limt}}", "kind of failure `rate_limt`; did you mean `rate_limit`?"),
        ("steps:\n  - {say: x, fail: {times: 1}}", "`fail` needs a `kind`"),
        ("steps:\n  - {say: x, repeat: 0}", "expected a whole number from 1, found `0`"),
        ("steps:\n  - {say: x, usage: {inputs: 1}}", "unknown key `inputs`; did you mean `input`?"),
        ("steps:\n  - {say: x, usage: {input: 1, cache_read: 2}}", "s.yaml:2:21: `input` includes `cache_read`"),
        ("steps:\n  - {say: x, fault: cutt}", "s.yaml:2:21: there is no fault `cutt`"),
        ("steps:\n  - {say: x, fault: true}", "s.yaml:2:21: expected a text, found `true`"),
        ("steps:\n  - {say: x, finish: lenght}", "unknown reason to end `lenght`; did you mean `length`?"),
        ("steps:\n  - {say: x, finish: cancelled}", "unknown reason to end `cancelled`"),
        ("steps:\n  - call: {tool: a/b, args: {}, raw: x}", "a call has either `args` or `raw`"),
        ("steps:\n  - {say: x, cost_usd: -1}", "expected a number from 0"),
        ("steps:\n  - say: 'hi ${calls.order.id}'", "s.yaml:2:10: no call is named `order`; known: none"),
        (
            "steps:\n  - {call: {tool: a/b, as: order}}\n  - {say: x, expect: {call: ordr, contains: x}}",
            "s.yaml:3:22: no call is named `ordr`; known: `order`",
        ),
        ("steps: " + "[" * 2000, "s.yaml"),
        ("steps: &a [*a]", "s.yaml"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(text: str, error: str) -> None:
    with pytest.raises(ScriptError) as caught:
        parsed(text, "s.yaml")
    assert error in str(caught.value)


def test_a_call_may_be_mentioned_by_its_tool() -> None:
    parsed("steps:\n  - {call: {tool: a/b}}\n  - {say: x, expect: {call: a/b, contains: x}}", "s.yaml")
