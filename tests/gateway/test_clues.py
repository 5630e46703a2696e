"""What texts leave behind, and what in a value is found again among it."""

import time

import pytest

from gateway.clues import clues_of, traces_of


def told(text: str, value: str | float) -> bool:
    return clues_of([value]).among(traces_of(text)[0])


@pytest.mark.parametrize(
    ("text", "value", "found"),
    [
        ("go to evil.example", "https://a.b.evil.example/x", True),
        ("go to a.evil.co.uk", "https://b.evil.co.uk/x", True),
        ("go to a.other.co.uk", "https://b.evil.co.uk/x", False),
        ("see 10.2.1.1", "http://10.9.1.1/", False),
        ("see 10.2.1.1", "http://10.2.1.1/", True),
        ("at //evilhost/", "https://evilhost?x=1", True),
        ("pay acct12345678", "12345678", True),
        ("pay 12345678", "acct12345678", True),
        ("it costs 1,250.50", 1250.5, True),
        ("it costs 1250.5", "1250.50", True),
        ("a b c d e f", "b c d e", True),
        ("a b c x c d e", "a b c d e", False),  # `b c d` is missing
    ],
)
def test_what_tells_and_what_does_not(text: str, value: str | float, found: bool) -> None:
    assert told(text, value) is found


@pytest.mark.parametrize("filler", [0, 20_000])
def test_it_is_found_the_same_in_short_and_in_long_texts(filler: int) -> None:
    text = " ".join(f"w{number}" for number in range(filler)) + " eve@evil.example"
    assert told(text, "eve@evil.example")
    assert not told(text, "bob@acme.example")
    long = " ".join(f"v{number}" for number in range(3_000))
    assert told(text, f"{long} eve@evil.example")
    assert not told(text, long)


def test_the_traces_of_a_long_text_are_in_order_and_none_is_lost_between_its_slices() -> None:
    row = [f"w{number}" for number in range(10_000)]
    traces, whole = traces_of(" ".join(row))
    assert whole
    assert list(traces) == sorted(set(traces))
    assert clues_of([" ".join(row)]).each <= set(traces)


def test_of_what_has_no_word_not_all_is_known() -> None:
    assert not clues_of(["!!!"]).whole
    assert clues_of(["abc"]).whole
    assert not clues_of([]).any


def test_a_value_of_many_signs_is_cut_up_in_good_time() -> None:
    began = time.process_time()
    for value in (
        "a." * 16_000,
        "-" * 32_000,
        "@" * 32_000,
        "%" * 32_000,
        "&amp;" * 6_000,
        "a-" * 16_000,
        "//" * 16_000,
    ):
        clues_of([value])
    assert time.process_time() - began < 10
