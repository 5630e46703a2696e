"""How runs begin and rest, as a record that reads for ever."""

import pytest

from gateway import lifecycle
from gateway.events import EVENTS, event_from_json, event_to_json
from gateway.lifecycle import Queued


def test_each_of_them_is_an_event() -> None:
    public = [getattr(lifecycle, name) for name in lifecycle.__all__]
    assert {each for each in public if isinstance(each, type)} <= set(EVENTS.values())


def test_a_run_of_an_earlier_version_brings_nothing_along_and_is_no_conversation() -> None:
    before = {"event": "queued", "driver": "loop", "user": "user:ann", "tenant": "default"}
    assert event_from_json(before) == Queued("loop", "user:ann", "default")
    assert event_to_json(Queued("loop", "user:ann", "default"))["conversation"] is False


def test_a_run_says_who_asked() -> None:
    with pytest.raises(TypeError):
        event_from_json({"event": "queued", "driver": "loop"})
