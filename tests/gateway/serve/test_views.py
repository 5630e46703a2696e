"""Whose lists another policy makes others."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.call import Subject
from gateway.catalogue import Catalogue
from gateway.offer import Offer
from gateway.policy import Policy, load
from gateway.profile import WHOLE, Profile
from gateway.serve.asking import Asker
from gateway.serve.views import differing
from tests.builders import a_tool
from tests.fixtures.gateway_app import HEAD, MODEL

ANN, BOB = Subject("user:ann", "acme"), Subject("user:bob", "acme")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
SHOP = Catalogue.of(
    [a_tool("shop/refund"), a_tool("desk/send")],
    offers=[
        Offer("prompt", "shop", "greet", {"name": "greet"}),
        Offer("resource", "shop", "file:///a", {"uri": "file:///a"}),
        Offer("template", "shop", "file:///b/{x}", {"uriTemplate": "file:///b/{x}"}),
    ],
)
NOBODY = "p, user:root, *, */*, call, , allow, only root"


def policy(folder: Path, *lines: str) -> Policy:
    file = folder / "policy.csv"
    file.write_text(HEAD + "".join(f"{line}\n" for line in (NOBODY, *lines)), encoding="utf-8")
    return load(MODEL, file)


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("p, *, *, shop/refund, call, , allow, yes", {"tools"}),
        ("p, *, *, shop/refund, call, args.amount < 5, allow, yes", {"tools"}),
        ("p, *, *, shop/greet, get, , allow, yes", {"prompts"}),
        ("p, *, *, shop/file:///a, read, , allow, yes", {"resources"}),
        ("p, *, *, shop/*, read, , allow, yes", {"resources"}),
        ("p, user:bob, *, */*, call, , allow, yes", set()),
        ("p, *, *, */*, approve, , allow, yes", set()),
        ("p, *, *, shop/*, call, , deny, no", set()),
    ],
)
def test_a_line_more_changes_the_lists_that_it_is_about(tmp_path: Path, line: str, kinds: set[str]) -> None:
    before, now = policy(tmp_path), policy(tmp_path, line)
    assert differing(SHOP, Asker(ANN), before, now, NOON) == kinds
    assert differing(SHOP, Asker(ANN), now, before, NOON) == kinds


def test_the_lists_of_others_are_their_own_affair(tmp_path: Path) -> None:
    before, now = policy(tmp_path), policy(tmp_path, "p, user:bob, *, */*, call, , allow, yes")
    assert differing(SHOP, Asker(BOB), before, now, NOON) == {"tools"}
    assert differing(SHOP, Asker(ANN), before, now, NOON) == set()


def test_what_is_outside_of_a_profile_does_not_count(tmp_path: Path) -> None:
    before, now = policy(tmp_path), policy(tmp_path, "p, *, *, desk/*, call, , allow, yes")
    assert differing(SHOP, Asker(ANN, WHOLE), before, now, NOON) == {"tools"}
    assert differing(SHOP, Asker(ANN, Profile("s", ["shop"])), before, now, NOON) == set()
