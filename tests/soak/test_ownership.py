"""The judge of the soak is judged: a history as it should be has no flaw, and one that was doctored has the one that it
was given.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from gateway.call import Subject
from gateway.errors import LeaseLost
from gateway.events import Cancelled, Queued, Started
from gateway.job import Job
from gateway.store import Claim, Enqueue
from gateway.store.postgres.store import PostgresStore
from tests.fixtures.postgres import Server
from tests.fixtures.stores import execute
from tests.soak.history import history, named, noted
from tests.soak.ownership import Line, flaws

ANN, HOUR = Subject("user:ann", "default"), 3_600_000
KEY = "t1/call/1"

Lines = list[Line]


def lease(by: str, owner: str | None, epoch: int, at: int = 0, until: int = HOUR) -> Line:
    return Line(by, 0, at, "r-1", owner, epoch, until if owner else 0)


def told(by: str, seq: int, event: str, **more: object) -> Line:
    return Line(by, 0, 0, "r-1", seq=seq, told={"event": event, **more})


def whole() -> Lines:
    """A worker calls a tool and dies; another one sends it again and comes to the end."""
    lines = [
        told("ann", 1, "queued"),
        lease("w1", "a", 1),
        told("w1", 2, "started", worker="a"),
        told("w1", 3, "model_answered", turn=1, purpose="answer"),
        lease("w1", "a", 1, 3_000),
        told("w1", 4, "admitted", key=KEY, attempt=1),
        told("bob", 5, "user_spoke"),
        lease("w2", None, 1, 5_000),
        lease("w2", "b", 2, 5_000),
        told("w2", 6, "started", worker="b"),
        told("w2", 7, "admitted", key=KEY, attempt=2),
        told("w2", 8, "returned", key=KEY),
        told("w2", 9, "model_answered", turn=2, purpose="answer"),
        told("w2", 10, "succeeded"),
        lease("w2", None, 2, 6_000),
    ]
    return [replace(line, commit=number) for number, line in enumerate(lines, 1)]


def with_line(at: int, line: Line) -> Callable[[Lines], Lines]:
    return lambda lines: [*lines[:at], replace(line, commit=100), *lines[at:]]


def changed(at: int, **how: Any) -> Callable[[Lines], Lines]:
    return lambda lines: [*lines[:at], replace(lines[at], **how), *lines[at + 1 :]]


def recounted(lines: Lines) -> Lines:
    """The numbers of events go on as they should."""
    seq, told = 0, Lines()
    for line in lines:
        seq += line.told is not None
        told.append(replace(line, seq=seq if line.told is not None else 0))
    return told


DOCTORED: Sequence[tuple[str, Callable[[Lines], Lines], str]] = (
    ("an epoch is left out", changed(8, epoch=3), "the epoch 3 follows 1"),
    ("an epoch comes again", changed(8, epoch=1), "b has it in the epoch 1, which is None's"),
    ("an owner's name comes again", changed(8, owner="a"), "a has had a run before"),
    ("the one who was taken for dead writes", with_line(9, told("w1", 0, "user_spoke")), "who was taken for dead"),
    (
        "an old epoch writes after its lease was over",
        lambda lines: with_line(9, told("w1", 0, "model_asked"))(changed(4, until=4_000)(lines)),
        "w1 records `model_asked` in the epoch 2, in which w2 drives it",
    ),
    (
        "a lease is renewed by somebody else",
        with_line(4, lease("w2", "a", 1, at=2 * HOUR)),
        "w2 renews the lease that w1 has",
    ),
    ("who has let go writes", with_line(15, told("w2", 0, "waited")), "in which nobody drives it"),
    ("nobody has it, and somebody writes", with_line(1, told("w1", 0, "model_asked")), "in which nobody drives it"),
    ("another name has started", changed(9, told={"event": "started", "worker": "a"}), "which is b's"),
    ("a number is left out", changed(13, seq=11), "the event 11 follows 9"),
    ("a number comes twice", changed(13, seq=9), "the event 9 follows 9"),
    ("an attempt comes twice", changed(10, told={"event": "admitted", "key": KEY, "attempt": 1}), "attempt 1 at"),
    ("an effect has two ends", with_line(12, told("w2", 0, "returned", key=KEY)), "is returned, and is not under way"),
    ("a reply comes twice", changed(12, told={"event": "model_answered", "turn": 1, "purpose": "answer"}), "answered"),
    ("commits lie within each other", changed(4, commit=3), "commit 3 lies around another one"),
)


def test_a_run_that_one_took_up_after_another_one_has_no_flaw() -> None:
    assert flaws(whole()) == []


@pytest.mark.parametrize(("how", "what"), [each[1:] for each in DOCTORED], ids=[each[0] for each in DOCTORED])
def test_a_doctored_history_has_the_flaw_that_it_was_given(how: Callable[[Lines], Lines], what: str) -> None:
    lines = how(whole())
    numbered = lines if what.startswith("the event") else recounted(lines)
    found = flaws(numbered)
    assert found, "nothing was found"
    assert any(what in flaw for flaw in found), found


def test_a_lease_that_is_over_may_be_taken_from_somebody_who_lives() -> None:
    lines = recounted([*changed(4, until=4_000)(whole()), replace(told("w1", 0, "user_spoke"), commit=100)])
    assert flaws(lines) == []


def test_a_real_store_has_none_and_what_was_slipped_into_it_is_found(postgres: Server) -> None:
    with postgres.schema() as url:
        noted(url)
        asyncio.run(_taken_over(url))
        assert flaws(history(url)) == []
        slipped = """INSERT INTO events VALUES ('r-1', 4, 0, '{"event": "waited", "cause": "user"}')"""
        execute(named(url, "first"), slipped)
        (found,) = flaws(history(url))
        assert found.endswith("first records `waited` in the epoch 2, in which second drives it")


async def _taken_over(url: str) -> None:
    """A second one claims what the first one has let run out, and the first one finds that out."""
    with contextlib.ExitStack() as stack:
        ours, first, second = (
            stack.enter_context(contextlib.closing(PostgresStore(named(url, name))))
            for name in ("ann", "first", "second")
        )
        queued = Queued("loop", ANN.user, ANN.tenant, input="Go.")
        await ours.append("r-1", [queued], lease=None, changes=[Enqueue(Job("r-1", ANN.tenant, "a", "m"))])
        late = await first.claim(Claim("one", -60.0))  # it is over before it begins
        assert late is not None
        await first.append("r-1", [Started("one")], lease=late)
        taken = await second.claim(Claim("two", 60.0))
        assert taken is not None
        with pytest.raises(LeaseLost):
            await first.append("r-1", [Cancelled("one", "")], lease=late)
        await second.append("r-1", [Started("two")], lease=taken)
