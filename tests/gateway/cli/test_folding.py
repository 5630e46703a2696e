import io

import pytest
from rich.console import Console
from rich.text import Text

from gateway.cli.folding import Flow, show

LONG = "  ✓ shop/refund was denied, because refunds above 100 go through finance"


def paper(width: int = 40, *, terminal: bool = True) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=width, force_terminal=terminal, color_system=None, highlight=False), file


def test_on_a_terminal_a_long_line_goes_on_below_its_text() -> None:
    console, file = paper()
    show(console, Text(LONG), 4)
    assert file.getvalue().splitlines() == [
        "  ✓ shop/refund was denied, because",
        "    refunds above 100 go through finance",
    ]


def test_elsewhere_a_line_stays_a_line() -> None:
    console, file = paper(terminal=False)
    show(console, Text(LONG), 4)
    assert file.getvalue() == LONG + "\n"


def test_styles_are_kept_below() -> None:
    file = io.StringIO()
    console = Console(file=file, width=24, force_terminal=True, color_system="standard", highlight=False)
    show(console, Text.assemble("  ✗ ", ("denied by a person", "red")), 4)
    assert file.getvalue() == "  ✗ \x1b[31mdenied by a person\x1b[0m\n"
    show(console, Text.assemble("  ✗ ", ("denied by a person who is far", "red")), 4)
    assert file.getvalue().splitlines()[1:] == [
        "  ✗ \x1b[31mdenied by a person\x1b[0m",
        "    \x1b[31mwho is far\x1b[0m",
    ]


def test_a_word_that_is_longer_than_a_line_is_cut_and_nothing_is_lost() -> None:
    console, file = paper()
    show(console, Text("  ✓ " + "x" * 100), 4)
    lines = file.getvalue().splitlines()
    assert [len(line) for line in lines] == [40, 40, 32]
    assert sum(line.count("x") for line in lines) == 100


def test_on_a_very_narrow_terminal_there_is_room_for_text() -> None:
    console, file = paper(5)
    show(console, Text("  ✓ one two three"), 4)
    assert file.getvalue() == "  ✓ one two three\n"


@pytest.mark.parametrize(
    "pieces", [("one two three four", " five six"), ("one ", "two ", "three ", "four ", "five ", "six")]
)
def test_text_that_comes_in_pieces_breaks_between_words(pieces: tuple[str, ...]) -> None:
    flow = Flow(paper(24)[0], 2)
    lines = "".join(map(flow.placed, pieces)).split("\n")
    assert [line.rstrip() for line in lines] == ["one two three four", "  five six"]


def test_a_word_that_comes_in_two_pieces_is_not_torn() -> None:
    flow = Flow(paper(24)[0], 2)
    assert "".join(map(flow.placed, ("one two three four fi", "ve"))) == "one two three four five"


def test_a_new_line_has_all_the_room() -> None:
    flow = Flow(paper(24)[0], 2)
    flow.placed("one two three four ")
    flow.start()
    assert flow.placed("five six") == "five six"


def test_what_is_no_terminal_is_not_broken() -> None:
    flow = Flow(paper(24, terminal=False)[0], 2)
    assert flow.placed(LONG) == LONG
