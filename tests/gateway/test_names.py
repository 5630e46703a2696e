"""A tool has one name for people and one for models, and no tool can take another one's."""

import hashlib
import itertools
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.names import MAX_LENGTH, exposed_name, exposed_names, split_path

TAKEN_BY_MODELS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")

# Names in which a few letters meet often, and names of anything at all.
NARROW = st.text(st.sampled_from("ab_0-."), min_size=1, max_size=6)
ANYTHING = st.text(st.characters(exclude_characters="/", exclude_categories=()), min_size=1, max_size=90)
PATHS = st.builds("{}/{}".format, NARROW | ANYTHING, NARROW | ANYTHING)


def hashed(base: str, path: str, length: int = 6) -> str:
    return f"{base}_{hashlib.sha256(path.encode()).hexdigest()[:length]}"


@given(st.lists(PATHS, max_size=12))
def test_every_tool_has_exactly_one_name_that_models_take(paths: list[str]) -> None:
    names = exposed_names(paths)
    assert sorted(names.values()) == sorted(set(paths))
    assert all(TAKEN_BY_MODELS.fullmatch(name) for name in names)


@given(st.lists(PATHS, max_size=8), st.randoms(use_true_random=False))
def test_names_and_their_order_do_not_depend_on_the_order_in_which_servers_answer(
    paths: list[str], dice: random.Random
) -> None:
    shuffled = list(paths)
    dice.shuffle(shuffled)
    assert list(exposed_names(shuffled).items()) == list(exposed_names(paths).items())


@given(st.lists(PATHS, max_size=8), PATHS)
def test_a_new_tool_changes_no_name_but_those_that_it_collides_with(paths: list[str], new: str) -> None:
    before = {path: name for name, path in exposed_names(paths).items()}
    after = {path: name for name, path in exposed_names([*paths, new]).items()}
    touched = {name for path, name in before.items() if after[path] != name}
    assert touched <= {exposed_name(new)}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("shop/refund", "shop__refund"),
        ("my-shop/create_order", "my-shop__create_order"),
        ("shop/orders.refund", hashed("shop__orders_refund", "shop/orders.refund")),
        ("shop/orders/refund", hashed("shop__orders_refund", "shop/orders/refund")),
        ("7zip/pack", hashed("t7zip__pack", "7zip/pack")),
        ("_x/y", hashed("t_x__y", "_x/y")),
        ("büro/öffnen", hashed("b_ro___ffnen", "büro/öffnen")),
        ("shop/refund\n", hashed("shop__refund_", "shop/refund\n")),
        ("s/" + "x" * 61, "s__" + "x" * 61),  # 64 characters: just fits
        ("s/" + "x" * 62, hashed("s__" + "x" * 54, "s/" + "x" * 62)),
    ],
)
def test_what_fits_is_plain_and_what_does_not_gets_a_hash(path: str, name: str) -> None:
    assert exposed_name(path) == name
    assert exposed_names([path]) == {name: path}
    assert len(name) <= MAX_LENGTH


def test_two_long_names_that_differ_at_the_end_stay_apart() -> None:
    paths = ["s/" + "x" * 100 + end for end in ("_read", "_delete")]
    assert len(exposed_names(paths)) == 2


def test_of_two_tools_that_read_alike_neither_has_the_plain_name() -> None:
    names = exposed_names(["a/b__c", "a__b/c", "a/other"])
    assert names == {
        hashed("a__b__c", "a/b__c"): "a/b__c",
        hashed("a__b__c", "a__b/c"): "a__b/c",
        "a__other": "a/other",
    }


def test_a_server_that_knows_how_names_are_hashed_cant_take_the_name_of_another_ones_tool() -> None:
    """It provokes a collision, and offers tools that are called as the victim's tool will then be."""
    victim = "bank/pay__out"
    lures = ["bank__pay/out", *(f"bank__pay/{hashed('out', victim, length)}" for length in (6, 12, 24, 48))]
    for chosen in itertools.chain.from_iterable(itertools.combinations(lures, n) for n in range(len(lures) + 1)):
        names = exposed_names([victim, *chosen])
        assert sorted(names.values()) == sorted([victim, *chosen])


def test_where_short_hashes_meet_they_grow() -> None:
    """Found by search: with 16 million tries, any server can do this to any tool."""
    one, other = _twins()
    assert exposed_name(one) == exposed_name(other)
    assert exposed_names([one, other]) == {
        hashed("s__" + "x" * 48, one, 12): one,
        hashed("s__" + "x" * 48, other, 12): other,
    }


def _twins() -> tuple[str, str]:
    """Two tools whose names are cut to the same, with the same six digits of hash."""
    seen: dict[str, str] = {}
    for number in itertools.count():
        path = f"s/{'x' * 60}{number}"
        digits = hashlib.sha256(path.encode()).hexdigest()[:6]
        if digits in seen:
            return seen[digits], path
        seen[digits] = path
    raise AssertionError


@pytest.mark.parametrize("text", ["refund", "/refund", "shop/", "/", ""])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a `server/tool` name"):
        split_path(text)


def test_a_path_is_split_at_its_first_slash() -> None:
    assert split_path("shop/orders/refund") == ("shop", "orders/refund")


def test_the_tools_of_a_server_without_prefix_keep_their_names() -> None:
    names = exposed_names(["shop/refund", "bank/refund", "bank/pay"], {"shop"})
    assert names == {"bank__pay": "bank/pay", "bank__refund": "bank/refund", "refund": "shop/refund"}


def test_a_name_that_two_servers_without_prefix_have_is_neither_ones() -> None:
    names = exposed_names(["shop/refund", "bank/refund", "bank/pay"], {"shop", "bank"})
    assert names == {"pay": "bank/pay", "bank__refund": "bank/refund", "shop__refund": "shop/refund"}


@pytest.mark.parametrize("tool", ["bank__pay", "pay_0a1b2c", "x" * 65, "2pay", "_pay", "pay.out", "pay/out", "pay\n"])
def test_a_name_that_could_be_another_ones_or_that_models_do_not_take_is_not_kept(tool: str) -> None:
    path = f"shop/{tool}"
    assert exposed_names([path], {"shop"}) == {exposed_name(path): path}


@given(st.lists(PATHS, max_size=12), st.sets(NARROW, max_size=4))
def test_no_server_takes_a_name_from_another_by_having_no_prefix(paths: list[str], unprefixed: set[str]) -> None:
    usual, names = exposed_names(paths), exposed_names(paths, unprefixed)
    assert sorted(names.values()) == sorted(usual.values())
    assert all(TAKEN_BY_MODELS.fullmatch(name) for name in names)
    for name, path in names.items():
        assert usual.get(name, path) == path
        assert name in usual or split_path(path)[0] in unprefixed
