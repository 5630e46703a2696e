"""Whether somebody's words hold a text or a number: never a part of something longer, nor what is reckoned with."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.said import all_said


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("Pay 500 now", 500),
        ("Pay 500.", 500),
        ("500", 500),
        ("Pay 500, then go.", 500),
        ("amount: 500", 500),
        ("Pay bob, 500 at most", 500),
        ("Pay $500", 500),
        ("Pay 500\u20ac today", 500),
        ("Pay \u20ac 500", 500),
        ("Pay 500 EUR", 500),
        ("issue #500", 500),
        ('"500"', 500),
        ("It is -3.50.", -3.5),
        ("It is \u22123.50.", -3.5),
        ("0.1", 0.1),
        ("500 EUR for 3 people", 3),
        ("500 EUR for 3 people", "500 EUR"),
        ("Pay 500 now", "500"),
        ("Rue Verte 12, Paris", "Rue Verte 12"),
        ("refund 500 euros to O-1001", 500),
        ("refund 500 euros to O-1001", "O-1001"),
        ("refund order 4711 today", 4711),
        ("Send bob@acme.com 500 USD for the chairs", 500),
        ("The total of 500, please", 500),
        ("2 tickets for EUR 500", 2),
        ("2 tickets for EUR 500", 500),
        ("Pay 500\nThanks", 500),
        ("Bob:\n500", 500),
        ('{"amount": 500}', 500),
        ("Pay them 500 $ now", 500),
        ("\u00dcberweise 500 Euro an Bob", 500),
        ("Pay 300 EUR, and 500 EUR to Bob", 500),
    ],
)
def test_what_stands_by_itself_was_said(said: str, value: Any) -> None:
    assert all_said([value], said) is True


_GROUPS = [
    *" ',._\u00a0\u2000\u2005\u2007\u2009\u200a\u202f\u205f\u3000\u2019\u2018",
    *"\u02bc\u00b4`\u00b7\u066c\u066b\u02d9\u2032\t\n",
    ", ",
    ". ",
    "  ",
    "\u200b",
    "\u2060",
    "\uff0c",
]


@pytest.mark.parametrize("sign", _GROUPS)
def test_a_part_of_a_grouped_number_was_not(sign: str) -> None:
    for said, parts in ((f"Pay 1{sign}500 now", (1, 500)), (f"Pay 2{sign}500{sign}700 now", (2, 500, 700))):
        for part in parts:
            assert all_said([part], said) is False, (said, part)
            assert all_said([str(part)], said) is False, (said, part)


_SIGNS = (
    "-\u2212"
    "\u2010\u2011\u2012\u2013\u2014\u2015\uff0d\ufe63\u207b\u208b\u2796"
    "^+*/\u00d7\u00f7~<>\u2264\u2265\u00b1=|\\&@"
)


@pytest.mark.parametrize(
    "sign", [*_SIGNS, "**", "^ ", "** ", "- ", "\u2212 ", "2^", "2**", "2 ^ ", "2 ** ", "2e", "2 e ", "1.5E"]
)
def test_nor_was_what_follows_a_minus_a_power_or_another_sign(sign: str) -> None:
    assert all_said([500], f"Pay {sign}500 now") is False
    assert all_said(["500"], f"Pay {sign}500 now") is False


@pytest.mark.parametrize(
    "after",
    [
        "%",
        " %",
        "\u2030",
        "\u00a0%",
        "e3",
        "^2",
        "**2",
        " ** 2",
        "k",
        " million",
        " percent",
        "-",
        "/2",
        " x 3",
        "\u00bd",
        " \u00bd",
    ],
)
def test_nor_was_what_stands_before_a_sign_that_makes_it_something_else(after: str) -> None:
    assert all_said([500], f"Pay 500{after} now") is False
    assert all_said(["500"], f"Pay 500{after} now") is False


@pytest.mark.parametrize(
    "said", ["1.000", "10-500", "10:30", "1.2.3", "v500", "500x", "minus 500", "1,50,000", "500 000", "0500", "(500)"]
)
def test_nor_was_a_part_of_anything_else(said: str) -> None:
    for part in (1, 0, 500, 10, 30, 2, 1.2, 2.3, 50):
        assert all_said([part], f"Pay {said} now") is False


@pytest.mark.parametrize(
    "said",
    [
        *(
            "pay 500 grand",
            "pay 500 Tsd",
            "pay 500 Tsd.",
            "500\u00a2",
            "500 \u00a2",
            "\u00a2500",
            "500 cents",
            "500 EUR cents",
        ),
        *(
            "one million 500",
            "one million EUR 500",
            "one million, 500",
            "twice 500",
            "twice $500",
            "twice EUR 500",
            "500 EUR twice",
        ),
        *(
            'twice "500"',
            '"500" grand',
            "(twice) 500",
            "twice exactly 500",
            "half of 500",
            "double the 500",
            "a thousand and 500",
        ),
        *(
            "500 EUR each",
            "500 EUR per head",
            "500 EUR/day",
            "500 EUR-cents",
            "500 in thousands",
            "500 is half",
            "500 zillion",
        ),
        *(
            "500 myriads",
            "400 to 500",
            "500 to 600",
            "500 and a half",
            "three 500",
            "zwei 500",
            "500 by 3",
            "500\nmillion",
        ),
        *(
            "$500 million",
            "500 \u20ac Mio",
            "500 (thousand)",
            "500, times 3",
            "pay \u24e3wice 500",
            "500 \u00d7 3",
            "500 K",
            "x 500",
        ),
        *("a few 500", "dozens of 500", "500 basis points", "500 lakhs"),
    ],
)
def test_nor_was_a_number_beside_a_word_that_may_multiply_or_divide(said: str) -> None:
    for value in (500, "500"):
        assert all_said([value], said) is False, value


@pytest.mark.parametrize("said", ["twice $500", "$500 grand", "$500 Tsd", "$500 EUR cents"])
def test_nor_was_a_text_that_is_a_number_with_its_unit(said: str) -> None:
    assert all_said(["$500"], said) is False
    assert all_said(["$500"], "Pay $500 today") is True


@given(st.text(st.characters(categories=["L"]), min_size=1, max_size=9))
def test_of_words_that_nobody_knows_none_may_stand_beside_a_number(word: str) -> None:
    odd = f"q{word}q"
    assert all_said([500], f"Pay {odd} 500") is False
    assert all_said([500], f"Pay 500 {odd}") is False
    assert all_said([500], f"Pay 500 EUR {odd}") is False


def test_numbers_are_compared_exactly() -> None:
    assert all_said([2**53 + 1], "9007199254740992") is False
    assert all_said([2.0**53], "9007199254740993") is False
    assert all_said([10**5000], "Pay 500") is False
    assert all_said([float("inf")], "Pay inf") is False


def test_a_text_without_letters_and_digits_is_nobodys() -> None:
    assert all_said(["!?"], "!?") is None


def test_a_number_after_more_blanks_than_are_looked_at_was_not_said() -> None:
    assert all_said([500], "1" + " " * 100 + "500") is False
    assert all_said([1], "1" + " " * 100 + "500") is False


_AROUND = st.text(st.sampled_from("0123456789 .,'_-%^*e\u00a0\u202f\u2019\u2212\u2013+/x"), max_size=5)


@given(_AROUND, st.integers(1, 9999), _AROUND)
@example("1 ", 500, "")
@example("2**", 500, "")
@example("", 500, " %")
@example("0e.'", 1, "")
def test_a_number_among_digits_and_signs_is_said_only_if_none_touches_it(before: str, number: int, after: str) -> None:
    left, right = before.rstrip(), after.lstrip()
    alone = not left or left[-1].isalpha()
    if all_said([number], f"{before}{number}{after}") is True and not all_said([number], f"{before};{after}"):
        assert alone or not any(map(str.isdigit, left))
        assert not left or left[-1] not in "-^*+/\u2212\u2013_0123456789"
        assert not right or right[0] not in "%^*+/_-\u22120123456789"


@given(st.characters(categories=["Pd", "Sm", "Cf", "Mn", "Nd", "Nl", "No"]), st.sampled_from(["", " "]))
def test_no_sign_of_reckoning_of_any_script_may_stand_before_or_after_it(sign: str, blank: str) -> None:
    assert all_said([500], f"Pay {sign}{blank}500 now") is not True or (sign in "-\u2212" and not blank)
    assert all_said([500], f"Pay 500{blank}{sign} now") is not True
