"""Whole conversations with the scripted model, as transcripts: what it says, and what it is told."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from providers import (
    Finished,
    Message,
    Provider,
    ProviderError,
    Reply,
    Request,
    Text,
    ToolResult,
    ToolSpec,
    message_from_json,
    message_to_json,
)
from providers.scripted import ScriptedProvider

ORDERING = """
steps:
  - say: Let me look.
    calls:
      - {tool: shop/get_stock, args: {sku: OIL-CHAIN}, as: stock}
      - {tool: shop/get_customer, args: {customer_id: C-1}, as: customer}
  - expect: [{is_error: false}, {call: stock, at: stock, equals: 1}]
    call:
      tool: shop/create_order
      args: {customer_id: "${calls.customer.customer_id}", sku: "${results[0].sku}", quantity: "${results[0].stock}"}
      as: order
  - branch:
      - {when: {call: order, denied: true}, goto: sorry}
      - {when: {call: order, is_error: true}, goto: end}
  - say: "${calls.customer.name}, your order ${calls.order.order_id} costs ${calls.order.total} euros."
    goto: end
  - label: sorry
    say: I may not order that.
"""

STOCK = {"sku": "OIL-CHAIN", "stock": 1}
CUSTOMER = {"customer_id": "C-1", "name": "Mara"}
ORDER = {"order_id": "O-1001", "total": 8.5}
TOOLS = tuple(ToolSpec(f"shop__{name}", "", {}) for name in ("get_stock", "get_customer", "create_order"))


@dataclass
class Talk:
    """One conversation. It goes through its stored form before each turn, as a resumed run does."""

    provider: Provider
    messages: list[Message] = field(default_factory=lambda: [Message("user", (Text("One chain oil, please."),))])

    def ask(self) -> Reply:
        stored = [message_from_json(json.loads(json.dumps(message_to_json(message)))) for message in self.messages]
        reply = asyncio.run(self._reply(Request("demo", "You help.", stored, TOOLS)))
        self.messages.append(reply.message)
        return reply

    async def _reply(self, request: Request) -> Reply:
        async for event in self.provider.stream(request):
            if isinstance(event, Finished):
                return event.reply
        raise AssertionError("the stream ended without Finished")

    def answer(self, *values: Any, is_error: bool = False) -> None:
        """Answers the calls of the last reply, the last one first."""
        calls = self.messages[-1].tool_calls
        for call, value in reversed(list(zip(calls, values, strict=True))):
            text = value if isinstance(value, str) else "see structured content"
            meta = {} if isinstance(value, str) else {"structuredContent": value}
            result = ToolResult(call.id, [{"type": "text", "text": text}], is_error, meta)
            self.messages.append(Message("tool", (result,)))


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (tmp_path / "ordering.yaml").write_text(ORDERING)
    return tmp_path / "ordering.yaml"


def _calls(reply: Reply) -> list[tuple[str, str, Any]]:
    return [(call.id, call.name, json.loads(call.arguments)) for call in reply.message.tool_calls]


def test_a_whole_conversation(script: Path) -> None:
    talk = Talk(ScriptedProvider.from_file(script))
    first = talk.ask()
    assert (first.message.text, first.finish) == ("Let me look.", "tool_calls")
    assert _calls(first) == [
        ("c1_1", "shop__get_stock", {"sku": "OIL-CHAIN"}),
        ("c1_2", "shop__get_customer", {"customer_id": "C-1"}),
    ]
    talk.answer(STOCK, CUSTOMER)
    wanted = {"customer_id": "C-1", "sku": "OIL-CHAIN", "quantity": 1}
    assert _calls(talk.ask()) == [("c2_1", "shop__create_order", wanted)]
    talk.answer(ORDER)
    last = talk.ask()
    assert (last.message.text, last.finish) == ("Mara, your order O-1001 costs 8.5 euros.", "stop")
    assert talk.ask().message.text == "(the script has ended)"


def test_a_denial_leads_another_way(script: Path) -> None:
    talk = Talk(ScriptedProvider.from_file(script))
    talk.ask()
    talk.answer(STOCK, CUSTOMER)
    talk.ask()
    talk.answer("Denied: no rule allows it. Do not retry this call.", is_error=True)
    assert talk.ask().message.text == "I may not order that."


def test_an_expectation_that_fails_stops_the_run_and_shows_what_came(script: Path) -> None:
    talk = Talk(ScriptedProvider.from_file(script))
    talk.ask()
    talk.answer({**STOCK, "stock": 0}, CUSTOMER)
    with pytest.raises(ProviderError) as caught:
        talk.ask()
    assert (caught.value.kind, caught.value.retryable) == ("script", False)
    assert str(caught.value) == f"{script}:7:33: expected `stock` of call `stock` to equal `1`, but got `0`"


def test_another_process_goes_on_where_the_first_one_was(script: Path) -> None:
    talk = Talk(ScriptedProvider.from_file(script))
    lost = talk.ask()
    talk.messages.pop()  # the worker died before the reply was written down
    talk.provider = ScriptedProvider.from_file(script)
    assert talk.ask() == lost  # ids included
    for answers in ((STOCK, CUSTOMER), (ORDER,)):
        talk.answer(*answers)
        talk.provider = ScriptedProvider.from_file(script)
        talk.ask()
    assert talk.messages[-1].text.startswith("Mara, your order O-1001")


def test_runs_that_share_a_provider_do_not_disturb_each_other(script: Path) -> None:
    provider = ScriptedProvider.from_file(script)
    one, two = Talk(provider), Talk(provider)
    one.ask()
    one.answer(STOCK, CUSTOMER)
    assert _calls(two.ask())[0][1] == "shop__get_stock"
    assert _calls(one.ask())[0][1] == "shop__create_order"


def test_the_scripts_in_the_manual_play(tmp_path: Path) -> None:
    manual = Path(__file__).parents[2] / "docs" / "scripted-model.md"
    scripts = [block.split("```")[0] for block in manual.read_text().split("```yaml\n")[1:]]
    assert len(scripts) == 2
    for script in scripts:
        (tmp_path / "s.yaml").write_text(script)
        talk = Talk(ScriptedProvider.from_file(tmp_path / "s.yaml"))
        if "fail:" in script:
            for _ in range(2):
                with pytest.raises(ProviderError, match="rate_limit"):
                    talk.ask()
        assert talk.ask().message.text
