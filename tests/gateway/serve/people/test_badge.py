"""A browser is who its cookie says; a form is its own page's, about one call, for a while."""

from dataclasses import replace

import pytest

from gateway.call import Subject
from gateway.identity import Identity
from gateway.keyring import KeyRing
from gateway.serve.people.badge import FORM_SECONDS, SESSION_SECONDS, Badges, Page

ANN = Identity(Subject("user:ann", "acme"))


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def badges(clock: Clock, key: int = 1) -> Badges:
    return Badges(KeyRing([bytes([key]) * 32]), clock=clock)


def test_a_cookie_holds_what_was_presented_for_a_while_and_shows_nothing_of_it() -> None:
    clock = Clock()
    cookie = badges(clock).cookie("tg_secret")
    assert "secret" not in cookie
    assert badges(clock).credential(cookie) == "tg_secret"
    assert badges(clock, key=2).credential(cookie) is None
    clock.now += SESSION_SECONDS + 1
    assert badges(clock).credential(cookie) is None


@pytest.mark.parametrize("text", ["", "x", "é", "A" * 100, "=" * 8])
def test_what_is_not_ours_is_nobodys(text: str) -> None:
    assert badges(Clock()).credential(text) is None
    assert badges(Clock()).page(text, ANN, "", "A-1") is None


def test_a_form_is_good_for_this_person_his_cookie_and_this_approval() -> None:
    clock = Clock()
    made = badges(clock).token(ANN, "cookie", "A-1", Page("digest", "other"))
    assert badges(clock).page(made, ANN, "cookie", "A-1") == Page("digest", "other")
    bob = replace(ANN, subject=Subject("user:bob", "acme"))
    elsewhere = replace(ANN, subject=Subject("user:ann", "globex"))
    for who, cookie, approval in (
        (bob, "cookie", "A-1"),
        (elsewhere, "cookie", "A-1"),
        (ANN, "", "A-1"),
        (ANN, "cookie", "A-2"),
    ):
        assert badges(clock).page(made, who, cookie, approval) is None
    assert badges(clock).credential(made) is None
    assert badges(clock).page(badges(clock).cookie("tg_secret"), ANN, "cookie", "A-1") is None
    clock.now += FORM_SECONDS + 1
    assert badges(clock).page(made, ANN, "cookie", "A-1") is None
