"""What the store keeps about a policy."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import StoreError
from gateway.policy.replica import FORGOTTEN_AFTER, Replica
from gateway.policy.shadow import MOST, Candidate, Difference, Found, Tally
from gateway.policy.taking import Size
from gateway.policy.version import Files
from gateway.store import policies as module
from gateway.store.database import DatabaseStore
from gateway.store.policies import Draft, PolicyBook
from tests.builders import Clock

PLACE = Path("/etc/toolgate/policy.csv")
FILES = Files(b"model", (("policy.csv", b"p, x\n"),))
CANDIDATE = Candidate("c" * 64, "b" * 64, "ann", 5, False, FILES)
DIFFERENCE = Difference("user:ann", "acme", "call", "shop/refund", "allow", "policy.csv:1", "deny", None)
REPLICA = Replica("host/1/ab.cd", str(PLACE), "serve", 1, "d" * 64, 1, 10)


@pytest.fixture
def book(store: DatabaseStore) -> PolicyBook:
    return store.policies(PLACE)


KEPT_SIZE = Size(7, 2, None)  # of it, how many lines oblige is not kept


def done(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def draft(letter: str, how: Any = "edited", text: str = "") -> Draft:
    files = replace(FILES, policy=(("policy.csv", text.encode()),))
    return Draft(letter * 64, how, "ann", Size(7, 2), False, files, how != "replaced")


def digests(book: PolicyBook) -> str:
    return "".join(version.digest[0] for version in book.versions())


def test_the_newest_that_came_into_force_is_in_force(book: PolicyBook) -> None:
    assert book.in_force() is None
    for each in (draft("a", "started"), draft("b", "promoted", "text"), draft("c", "replaced")):
        assert done(book.keep(each))
    found = book.in_force()
    assert found is not None
    assert (found.number, found.digest[0], found.how, found.by, found.size) == (2, "b", "promoted", "ann", KEPT_SIZE)
    assert found.files.policy == (("policy.csv", b"text"),)
    assert digests(book) == "cba"
    assert [version.in_force for version in book.versions()] == [False, True, True]


def test_what_is_in_force_already_is_no_new_version_and_what_comes_back_is(book: PolicyBook) -> None:
    assert [done(book.keep(draft(letter))) for letter in "aabba"] == [True, False, True, False, True]
    assert digests(book) == "aba"
    assert not done(book.keep(draft("a", "replaced")))


def test_the_previous_one_says_something_else(book: PolicyBook) -> None:
    for each in (draft("a"), draft("b"), draft("x", "replaced")):
        done(book.keep(each))
    previous = book.previous()
    assert previous is not None
    assert previous.digest[0] == "a"
    done(book.keep(draft("a", "rolled back")))
    again = book.previous()
    assert again is not None
    assert again.digest[0] == "b"


def test_a_version_is_found_by_the_beginning_of_its_digest(book: PolicyBook) -> None:
    for letter in "ab":
        done(book.keep(draft(letter)))
    assert book.version("AAA").number == 1
    with pytest.raises(StoreError, match="no version with a digest that begins with `f`"):
        book.version("f")
    with pytest.raises(StoreError, match="more than one version"):
        book.version("")


def test_what_is_kept_is_bounded_and_what_is_in_force_stays(
    store: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = store.policies(PLACE, 3)
    done(book.keep(draft("a")))
    for letter in "bcdef":
        done(book.keep(draft(letter, "replaced")))
    assert digests(book) == "feda"
    monkeypatch.setattr(module, "KEPT_BYTES", 5_000)
    for letter in "123":
        done(book.keep(draft(letter, text="x" * 3_000)))
    assert digests(book) == "32"


def test_policies_of_other_places_are_not_seen(store: DatabaseStore, book: PolicyBook) -> None:
    other = store.policies(Path("/elsewhere"))
    done(other.keep(draft("a")))
    done(other.accept("a" * 64, "ann"))
    done(other.shadow(CANDIDATE))
    done(other.report(replace(REPLICA, place="/elsewhere")))
    assert (book.in_force(), book.accepted(), book.candidate(), book.replicas()) == (None, frozenset(), None, [])


def test_what_was_accepted_is_remembered_but_not_for_ever(book: PolicyBook, clock: Clock) -> None:
    for number in range(30):
        clock.now += 1
        done(book.accept(f"{number:064}", "ann"))
    assert len(book.accepted()) == 20
    assert f"{29:064}" in book.accepted()


def test_a_candidate_is_one_at_a_time_and_counts_from_nothing(book: PolicyBook) -> None:
    found = Found(DIFFERENCE, 2, 5, 6, "{}")
    assert book.candidate_digest() is None
    done(book.shadow(CANDIDATE))
    done(book.count("c" * 64, Tally(10, 2, 1, 3, (found,))))
    done(book.count("c" * 64, Tally(5, 1, 0, 0, (Found(DIFFERENCE, 1, 8, 9, "later"),))))
    assert book.tally() == Tally(15, 3, 1, 3, (Found(DIFFERENCE, 3, 5, 9, "{}"),))
    done(book.count("e" * 64, Tally(100, 100)))  # of a candidate that is there no more
    assert book.tally().seen == 15
    done(book.shadow(replace(CANDIDATE, digest="f" * 64)))
    assert (book.candidate_digest(), book.tally()) == ("f" * 64, Tally())
    assert book.candidate() == replace(CANDIDATE, digest="f" * 64)
    assert done(book.unshadow())
    assert not done(book.unshadow())
    assert book.tally() == Tally()


def test_kinds_of_differences_are_bounded_and_the_known_go_on_counting(book: PolicyBook) -> None:
    done(book.shadow(CANDIDATE))
    many = tuple(Found(replace(DIFFERENCE, tool=f"shop/t{number}"), 1, 1, 1, "") for number in range(MOST + 10))
    for _ in range(2):
        done(book.count("c" * 64, Tally(len(many), len(many), 0, 0, many)))
    found = book.tally().found
    assert len(found) == MOST
    assert {it.count for it in found} == {2}


def test_a_process_reports_itself_again_and_leaves(book: PolicyBook) -> None:
    done(book.report(REPLICA))
    later = replace(REPLICA, beat=20, digest="e" * 64, problem="policy.csv:1:1: error: no")
    done(book.report(later))
    assert book.replicas() == [later]
    done(book.report(replace(REPLICA, id="host/2/ab.cd", beat=21 + FORGOTTEN_AFTER)))
    assert [it.pid for it in book.replicas()] == [2]
    done(book.leave("host/2/ab.cd"))
    assert book.replicas() == []
