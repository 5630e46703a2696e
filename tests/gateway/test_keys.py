"""API keys as values: what is kept of one does not let anybody in."""

import hashlib
import re

import pytest

from gateway.call import Subject
from gateway.keys import Owner, minted, shown

OWNER = Owner("user:ann", "acme", ("use", "more"), "ann's laptop", 5_000)


def test_a_key_is_long_and_never_the_same() -> None:
    texts = {minted(OWNER, 0)[0] for _ in range(100)}
    assert len({text.split("_")[2] for text in texts}) == len({text.split("_")[1] for text in texts}) == 100
    assert all(re.fullmatch(r"tg_[0-9a-f]{12}_[0-9a-f]{64}", text) for text in texts)


def test_what_is_kept_recognises_the_key_and_holds_nothing_of_it() -> None:
    text, kept = minted(OWNER, 7)
    presented = shown(text)
    assert presented
    assert kept.is_for(presented)
    assert kept.hash == hashlib.sha256(text.encode()).hexdigest()
    secret = text.split("_")[2]
    assert secret not in repr(kept) + repr(presented) + str(kept.to_json()) + kept.hash
    assert kept.hash not in repr(kept) + str(kept.to_json())
    assert kept.to_json() == {
        "id": kept.id, "user": "user:ann", "tenant": "acme", "scopes": ["use", "more"], "name": "ann's laptop",
        "created": 7, "expires": 5_000, "revoked": None,
    }  # fmt: skip


def test_another_secret_for_the_same_id_is_another_key() -> None:
    _, kept = minted(OWNER, 0)
    other = shown(f"tg_{kept.id}_{'0' * 64}")
    assert other
    assert not kept.is_for(other)


NONE, SECRET = "0" * 12, "0" * 64


@pytest.mark.parametrize(
    "text",
    ["", "tg_", "tg_x_y", f"tg_{NONE}", f"tg_{NONE}_{SECRET[1:]}", f" tg_{NONE}_{SECRET}", f"tg_{NONE}_{SECRET}\n"],
)
def test_what_can_be_no_key_is_none(text: str) -> None:
    assert shown(text) is None


def test_a_key_says_whose_it_is_and_until_when() -> None:
    _, kept = minted(OWNER, 0)
    identity = kept.identity
    assert (identity.subject, identity.scopes, identity.expires) == (Subject("user:ann", "acme"), {"use", "more"}, 5.0)
    assert minted(OWNER, 7_500)[1].identity.subject.since == 7.5
    assert (kept.good(4_999), kept.good(5_000)) == (True, False)
    assert minted(Owner("user:ann", "acme"), 0)[1].good(10**15)
