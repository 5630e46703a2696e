import io

from rich.console import Console

from gateway.cli.lines import Line
from gateway.cli.view import LiveView, show_line
from gateway.events import Admitted, Event, Held, ModelAnswered, ModelFailed, Queued, Recorded, Returned, Succeeded
from providers import TextDelta, ThinkingDelta


class Shown:
    """A view on paper, and what stands there."""

    def __init__(self) -> None:
        self.paper = io.StringIO()
        self.view = LiveView(Console(file=self.paper, width=200, highlight=False))
        self.seq = 0

    def record(self, *events: Event) -> "Shown":
        for event in events:
            self.seq += 1
            self.view.recorded(Recorded("r-1", self.seq, 0, event))
        return self

    def hear(self, *words: str) -> "Shown":
        for word in words:
            self.view.streamed(TextDelta(word))
        return self

    @property
    def lines(self) -> list[str]:
        return self.paper.getvalue().splitlines()


def said(text: str) -> ModelAnswered:
    return ModelAnswered(1, {"role": "assistant", "parts": [{"kind": "text", "text": text}]}, "stop", "demo", {}, {})


def test_words_come_as_they_are_said_and_facts_on_lines_of_their_own() -> None:
    shown = Shown().hear("Let me", " look.\nThere").record(said("Let me look.\nThere"), Succeeded(""))
    assert shown.lines == ["  Let me look.", "  There", "  ■ done"]


def test_words_that_this_process_did_not_hear_are_shown_from_the_record() -> None:
    shown = Shown().record(said("Let me look."), Succeeded(""))
    assert shown.lines == ["  Let me look.", "  ■ done"]


def test_a_reply_that_broke_off_is_told_and_the_next_one_shown_whole() -> None:
    broke = ModelFailed(1, "network", "cut", True, {}, "anthropic:a", "again")
    shown = Shown().hear("Let me lo").record(broke).hear("Let me look.").record(said("Let me look."), Succeeded(""))
    assert shown.lines == [
        "  Let me lo",
        "  ↻ anthropic:a failed (network): it is asked again  cut",
        "  Let me look.",
        "  ■ done",
    ]
    unheard = Shown().hear("Let me lo").record(broke, said("Let me look."))
    assert unheard.lines[-1] == "  Let me look."  # by another process, say


def test_line_breaks_at_the_end_make_no_empty_lines() -> None:
    shown = Shown().hear("one\n", "\ntwo\n\n").record(said("one\n\ntwo\n\n"), Succeeded(""))
    assert shown.lines == ["  one", "  ", "  two", "  ■ done"]


def test_a_fact_is_shown_once_however_often_the_run_is_driven() -> None:
    shown = Shown().record(Queued("loop", "user:ann", "acme", input="hi"))
    shown.view.recorded(Recorded("r-1", 1, 0, Queued("loop", "user:ann", "acme", input="hi")))
    assert shown.lines == ["  ▸ user:ann · acme  hi"]


def test_what_was_before_is_known_and_not_shown() -> None:
    shown, call = Shown(), Admitted("k", "shop/stock", '{"sku":"A"}', "pin", "policy", {})
    shown.view.passed([Recorded("r-1", 1, 0, said("Let me look.")), Recorded("r-1", 2, 0, call)])
    shown.record(said("Let me look."), call, Returned("k", {"kind": "answered", "result": {}}, {}))
    assert shown.lines == ['  ✓ shop/stock {"sku":"A"}']


def test_a_result_is_shown_with_the_call_that_it_belongs_to() -> None:
    returned = Returned("k", {"kind": "answered", "result": {}}, {})
    shown = Shown().record(Admitted("k", "shop/stock", '{"sku":"A"}', "pin", "policy", {}), returned)
    assert shown.lines == ['  ✓ shop/stock {"sku":"A"}']


def test_a_held_call_keeps_its_name_until_it_is_made() -> None:
    shown = Shown().record(Held("k", "shop/order", "A-1", "why"))
    assert "shop/order is held as A-1" in shown.lines[0]


def test_what_a_model_says_can_not_steer_the_terminal_nor_forge_a_line() -> None:
    shown = Shown().hear("\x1b[2J[bold]x[/bold]\r  ✓ shop/order\u202e").record(said(""))
    assert shown.lines == ["  \\e[2J[bold]x[/bold]\\r  ✓ shop/order\\u{202e}"]


def test_thoughts_are_shown_too() -> None:
    shown = Shown()
    shown.view.streamed(ThinkingDelta("hm"))
    assert shown.paper.getvalue() == "  hm"


def test_markup_in_a_line_is_text() -> None:
    paper = io.StringIO()
    show_line(Console(file=paper), Line("✓", "green", "[red]call[/red]", "[why]"))
    assert paper.getvalue() == "  ✓ [red]call[/red]  [why]\n"
