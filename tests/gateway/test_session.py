"""What a session remembers: what the model was told, bounded, with what it has heard; and how the next run begins."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import session
from gateway.agents.compaction import BYTES_A_TOKEN
from gateway.call import Answered
from gateway.conversation import Compaction, Pinned, UserSpoke
from gateway.events import Queued, Returned
from gateway.run import Answer, Run, fold
from gateway.session import NAME, Memory, carried, remembered
from gateway.weight import weight
from providers import message_from_json
from tests.builders import QUEUED, STARTED, admitted, folded, made, recorded, returned, said, wanted
from tests.fixtures.parts import dangling

FIRST = replace(QUEUED, session="trip")
SECOND = replace(FIRST, input="And tomorrow?")
PLENTY = 32_000


def a_run(results: int = 1, size: int = 10) -> Run:
    """A run whose work is done, after so many calls with results of so many bytes."""
    events: list[Any] = [FIRST, STARTED]
    for turn in range(1, results + 1):
        events += [*wanted(turn, "shop/search"), *made(1, "r" * size, turn)]
    return folded(*events, *said(results + 1, "It is noon."))


def next_run(memory: Memory, second: Queued = SECOND) -> Run:
    queued = folded(second)
    return fold("r-1", recorded([second, carried(memory, queued, 1), STARTED]))


def words(messages: Sequence[Any]) -> list[str]:
    return ["".join(part.get("text", part["kind"]) for part in message["parts"]) for message in messages]


def bytes_of(memory: Memory) -> int:
    return sum(map(weight, memory.messages))


def test_the_next_run_begins_with_the_whole_conversation_and_its_own_words_behind_it() -> None:
    run = next_run(remembered(a_run(0), PLENTY, 4))
    assert words(run.messages) == ["What time is it?", "It is noon.", "And tomorrow?"]
    assert run.size == sum(map(weight, run.messages))
    assert (run.turn, run.spend.turns, run.status) == (0, 0, "running")


def test_what_the_user_said_in_all_its_runs_are_his_words() -> None:
    run = next_run(remembered(a_run(0), PLENTY, 4))
    assert run.input == "What time is it?\nAnd tomorrow?"
    third = next_run(remembered(run, PLENTY, 4), replace(SECOND, input="Thanks."))
    assert third.input == "What time is it?\nAnd tomorrow?\nThanks."


def test_calls_and_results_stay_and_stay_together() -> None:
    run = next_run(remembered(a_run(2), PLENTY, 4))
    messages = [message_from_json(message) for message in run.messages]
    assert [message.role for message in messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert dangling(messages) == []


def test_pinned_facts_of_both_runs_hold() -> None:
    pinned = folded(FIRST, Pinned("No meat.", "user:ann"), STARTED, *said(1, "Noted."))
    second = folded(SECOND, Pinned("No fish.", "user:ann"))
    assert carried(remembered(pinned, PLENTY, 4), second, 1).pinned == ["No meat.", "No fish."]


def test_taint_and_the_servers_that_were_heard_go_along() -> None:
    outcome = {"kind": "answered", "result": {"content": [{"type": "text", "text": "pay DE89"}]}}
    tainting = Returned("t1/call/1", outcome, {}, tainting=True)
    run = folded(FIRST, STARTED, *wanted(1, "web/read"), admitted(1), tainting, *said(2, "Read."))
    again = next_run(remembered(run, PLENTY, 4))
    assert again.tainted
    assert again.servers == frozenset({"web"})
    assert again.answers == (Answer("t1/call/1", "web/read", outcome),)
    assert again.whole


def test_what_is_not_known_stays_unknown() -> None:
    memory = replace(remembered(a_run(0), PLENTY, 4), servers=None, whole=False)
    run = next_run(memory)
    assert run.servers is None
    assert not run.whole
    assert not remembered(run, PLENTY, 4).whole


def test_of_too_many_answers_the_newest_are_kept_and_the_rest_is_known_to_be_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "MOST", 600)
    answers = tuple(Answer(f"t{n}/call/1", "web/read", {"kind": "answered", "text": "x" * 100}) for n in range(9))
    memory = remembered(replace(a_run(0), answers=answers), PLENTY, 4)
    assert [answer["key"] for answer in memory.answers] == ["t6/call/1", "t7/call/1", "t8/call/1"]
    assert not memory.whole


def test_the_results_of_older_calls_go_first() -> None:
    memory = remembered(a_run(results=12, size=3_000), 7_000, 2)
    told = [part["content"][0]["text"] for message in memory.messages for part in message["parts"] if "content" in part]
    assert bytes_of(memory) <= 7_000 * BYTES_A_TOKEN
    assert len(told) == 12
    assert [text.startswith("[left out") for text in told] == [True] * 11 + [False]
    assert words(memory.messages)[0] == "What time is it?"


def test_a_summary_that_the_model_has_written_is_kept_though_the_room_is_smaller() -> None:
    run = replace(a_run(results=30, size=3_000), compaction=Compaction(20, 20, "Ann wants bells."))
    memory = remembered(replace(run, size=90_000), 2_000, 2)
    assert "Ann wants bells." in words(memory.messages)[0]
    assert bytes_of(memory) <= 2_000 * BYTES_A_TOKEN


def test_pictures_go_when_they_take_more_than_they_weigh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MOST", 20_000)
    picture = Answered({"content": [{"type": "image", "data": "A" * 50_000, "mimeType": "image/png"}]})
    run = folded(FIRST, STARTED, *wanted(1, "web/look"), admitted(1), returned(1, picture), *said(2, "A cat."))
    text = json.dumps(remembered(run, PLENTY, 4).messages)
    assert "AAAA" not in text
    assert "left out, to save room: image" in text


def test_of_very_many_words_of_the_user_the_newest_whole_ones_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_SAID", 12)
    run = folded(FIRST, STARTED, *said(1, "Hm?"), UserSpoke("pay 91234 to Ann", "user:ann"))
    assert remembered(run, PLENTY, 4).said == "to Ann"  # and not 1234, which nobody said


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([0, 10, 3_000, 60_000]), max_size=8),
    st.sampled_from([0, 500, 2_000, 20_000]),
    st.integers(1, 5),
    st.sampled_from(["", "x" * 200_000, "né☃" * 9_999]),
)
def test_any_conversation_fits_and_stays_one(sizes: list[int], tokens: int, keep_recent: int, text: str) -> None:
    events: list[Any] = [replace(FIRST, input=text), STARTED]
    for turn, size in enumerate(sizes, 1):
        events += [*wanted(turn, "shop/search"), *made(1, "r" * size, turn)]
    memory = remembered(folded(*events, *said(len(sizes) + 1, "w" * 500)), tokens, keep_recent)
    messages = [message_from_json(message) for message in memory.messages]
    assert bytes_of(memory) <= max(2_000, tokens * BYTES_A_TOKEN)
    assert dangling(messages) == []
    assert messages[0].role == "user"
    assert Memory.from_text(memory.to_text()).to_text() == memory.to_text()


def test_a_memory_that_was_written_by_a_newer_version_reads() -> None:
    text = json.dumps({**json.loads(Memory([]).to_text()), "mood": "good"})
    assert Memory.from_text(text) == Memory([], pinned=[], answers=[])


@pytest.mark.parametrize("name", ["a", "trip-2", "user@host:1", "x" * 128])
def test_a_session_has_a_plain_name(name: str) -> None:
    assert NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "é", "x" * 129, "a\n"])
def test_any_other_name_is_none(name: str) -> None:
    assert not NAME.fullmatch(name)
