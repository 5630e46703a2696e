import io
from typing import Any

import pytest
from rich.console import Console

from gateway.cli.timeline import print_timeline
from gateway.events import Admitted, Event, Held, ModelAnswered, ModelAsked, Queued, Recorded, Returned, Started
from gateway.run import fold

BEGAN = 1_790_000_000_000
PARTS: list[dict[str, Any]] = [
    {"kind": "text", "text": "Let me \x1b[2J look. " + "x" * 200},
    {"kind": "tool_call", "id": "1", "name": "shop__stock", "arguments": '{"sku":"A"}'},
]
EVENTS: list[tuple[int, Event]] = [
    (0, Queued("loop", "user:ann", "acme", "agent:desk", "demo", "count", {"tokens": 1000})),
    (10, Started("host/1/a")),
    (20, ModelAsked(1, {"tokens": 10})),
    (
        1230,
        ModelAnswered(
            1,
            {"role": "assistant", "parts": PARTS},
            "tool_calls",
            "demo",
            {"input": 7, "output": 3},
            {"tokens": 10},
            ({"key": "k", "id": "1", "path": "shop/stock"},),
        ),
    ),
    (1240, Admitted("k", "shop/stock", '{"sku":"A"}', "pin", "policy", {"tool_calls": 1})),
    (1277, Returned("k", {"kind": "answered", "result": {"content": []}}, {"tool_calls": 1})),
]


def printed(events: list[tuple[int, Event]]) -> list[str]:
    recorded = [Recorded("r-1", seq, BEGAN + at, event) for seq, (at, event) in enumerate(events, 1)]
    paper = Console(file=io.StringIO(), width=40, highlight=False)
    print_timeline(fold("r-1", recorded), recorded, paper)
    assert isinstance(paper.file, io.StringIO)
    return paper.file.getvalue().splitlines()


def test_a_run_reads_as_a_timeline() -> None:
    head, queued, turn, words, call, spent = printed(EVENTS)
    assert head.startswith("r-1  running  2026-")
    assert queued == "    0.00s ▸ agent:desk for user:ann · acme · demo  count"
    assert turn == "    1.23s · turn 1: demo  7 tokens in, 3 out"
    assert words.startswith("    1.23s   Let me \\e[2J look. xxx")
    assert "(218 characters)" in words
    assert call == '    1.28s ✓ shop/stock {"sku":"A"}  37 ms'
    assert spent == "          spent 10 of 1,000 tokens"


def test_a_reply_without_words_is_one_line() -> None:
    silent = ModelAnswered(1, {"role": "assistant", "parts": []}, "stop", "demo", {}, {})
    lines = printed([*EVENTS[:3], (50, silent)])
    assert lines[-2] == "    0.05s · turn 1: demo  0 tokens in, 0 out"


def test_a_call_that_was_held_has_no_time_of_its_own() -> None:
    lines = printed([*EVENTS[:4], (1240, Held("k", "shop/stock", "A-1", "why"))])
    assert "shop/stock is held as A-1" in lines[-2]
    assert "ms" not in lines[-2]


def test_without_a_console_it_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    recorded = [Recorded("r-1", 1, BEGAN, EVENTS[0][1])]
    print_timeline(fold("r-1", recorded), recorded)
    assert "user:ann" in capsys.readouterr().out
