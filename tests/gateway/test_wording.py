import time

import pytest

from gateway.wording import LONGEST, closest, did_you_mean, listed


def test_a_typing_mistake_is_answered_with_the_right_word() -> None:
    assert did_you_mean("PAHT", ["path", "synchronous"]) == "did you mean `path`?"


def test_a_word_like_no_other_is_answered_with_the_list_when_it_is_short() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == "known: `a`, `b`"
    assert did_you_mean("zzz", [str(number) for number in range(100)]) == ""
    assert did_you_mean("zzz", []) == ""


def test_words_are_listed_in_backticks() -> None:
    assert listed(["a", "b"]) == "`a`, `b`"


@pytest.mark.parametrize("wrong", ["crm__get_customr_17", "crm__gett_customer_17", "crn__get_customer_17"])
def test_of_thousands_of_names_the_one_that_was_meant_is_found(wrong: str) -> None:
    known = [f"{server}__{verb}_{thing}_17" for server in "abcdefgh" for verb in VERBS for thing in THINGS]
    known[500:500] = ["crm__get_customer_17"]
    assert closest(wrong, known) == "crm__get_customer_17"


VERBS = ("get", "put", "list", "find", "drop", "make", "send", "read", "hold", "move", "copy", "join")
THINGS = ("order", "invoice", "ticket", "account", "letter", "parcel", "person", "budget", "report", "policy")


@pytest.mark.parametrize("length", [20, LONGEST])
def test_a_wrong_word_among_many_that_are_alike_costs_little(length: int) -> None:
    known = [f"{number:04}".join(("abcdefgh", "hgfedcba")).ljust(length, "xyz"[number % 3]) for number in range(2000)]
    best = min(_seconds(known[0][::-1], known) for _ in range(3))
    assert best < 0.03, best  # a few milliseconds; comparing all takes a tenth of a second and more


def _seconds(word: str, known: list[str]) -> float:
    began = time.process_time()
    closest(word, known)
    return time.process_time() - began


@pytest.mark.parametrize("word", ["", "a" * (LONGEST + 1)])
def test_a_word_that_is_none_is_like_nothing(word: str) -> None:
    assert closest(word, [word, "a" * LONGEST]) is None
