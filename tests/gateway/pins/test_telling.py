"""What the log says of what is held. Time is a number that the test moves."""

import logging

import pytest

from gateway.pins.telling import MOST, SPAN, Telling


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_is_told_once_and_again_for_another_reason(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "toolgate.pins")
    telling = Telling(Clock())
    for why in ("new", "new", "changed"):
        telling.tell({"shop/add": why})
    assert caplog.messages == ["shop/add is held: new", "shop/add is held: changed"]


def test_of_a_server_that_has_ever_new_ones_a_line_a_minute_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "toolgate.pins")
    clock = Clock()
    telling = Telling(clock)
    for number in range(3 * 60):
        clock.now = float(number)
        telling.tell({f"shop/t{number}_{each}": "new" for each in range(100)})
    assert len(caplog.messages) == MOST + 1 + 2
    assert caplog.messages[-1] == "shop: 6000 more were held since; see `toolgate pins`"


def test_what_one_server_has_silences_no_other_and_itself_not_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "toolgate.pins")
    clock = Clock()
    telling = Telling(clock)
    telling.tell({f"shop/{number}": "new" for number in range(100)})
    telling.tell({"mail/send": "changed"})
    assert caplog.messages[-1] == "mail/send is held: changed"
    for number in range(1, 3):
        clock.now = number * SPAN
        telling.tell({f"shop/late{number}": "new"})
    assert caplog.messages[-1] == "shop/late2 is held: new"
