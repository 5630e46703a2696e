import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.allowance import Allowance, allowance

NOW = 1_795_600_000.0  # 2026-11-25T09:46:40Z

XS = ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests")
ANTHROPICS = tuple(f"anthropic-ratelimit-requests-{part}" for part in ("limit", "remaining", "reset"))


@pytest.mark.parametrize(
    ("names", "reset", "seconds"),
    [
        (XS, "1s", 1.0),
        (XS, "6m0s", 360.0),
        (XS, "2m59.56s", 179.56),
        (XS, "20ms", 0.02),
        (XS, "1h2m", 3720.0),
        (XS, "12", 12.0),
        (ANTHROPICS, "2026-11-25T09:47:10Z", 30.0),
        (ANTHROPICS, "2026-11-25T09:00:00Z", 0.0),
    ],
)
def test_both_families_of_headers_are_understood(names: tuple[str, ...], reset: str, seconds: float) -> None:
    said = allowance(dict(zip(names, ("60", "7", reset), strict=True)), "requests", NOW)
    assert said is not None
    assert (said.limit, said.left) == (60.0, 7.0)
    assert said.resets == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("limit", "left", "reset"),
    [
        ("", "", ""),
        ("60", "1", "soon"),
        ("sixty", "1", "1s"),
        ("60", "-1", "1s"),
        ("60", "61", "1s"),
        ("nan", "1", "1s"),
        ("inf", "1", "1s"),
        ("60", "1", ""),
        ("1e300", "1", "1s"),
    ],
)
def test_what_is_no_limit_is_none(limit: str, left: str, reset: str) -> None:
    names = ("x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens")
    assert allowance(dict(zip(names, (limit, left, reset), strict=True)), "tokens", NOW) is None


def test_it_fills_up_evenly_until_all_is_there_again() -> None:
    assert Allowance(60, 0, 30).per_second == 2.0
    assert Allowance(60, 60, 30).per_second is None
    assert Allowance(60, 0, 0).per_second is None


@given(st.dictionaries(st.sampled_from([*XS, *ANTHROPICS]), st.text(max_size=12)))
def test_whatever_a_header_says_nothing_breaks(headers: dict[str, str]) -> None:
    found = allowance(headers, "requests", NOW)
    assert found is None or (0 <= found.left <= found.limit and found.resets >= 0)
