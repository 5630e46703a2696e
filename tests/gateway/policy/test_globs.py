import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.globs import ToolGlob, compile_glob, covers, is_exact, is_wild, overlap

GLOBS = st.text("ab*?./", max_size=6)
TEXTS = st.text("ab./\n", max_size=8)


def plainly(glob: str, text: str) -> bool:
    pattern = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in glob)
    return re.fullmatch(pattern, text, re.DOTALL) is not None


@given(GLOBS, TEXTS)
def test_a_glob_matches_as_the_plain_reading_of_it_does(glob: str, text: str) -> None:
    assert compile_glob(glob)(text) is plainly(glob, text)


@pytest.mark.parametrize(
    ("glob", "text", "expected"),
    [
        ("files/*q", "files/xyz", False),  # pycasbin 1.43 says yes
        ("a*b", "abc", False),  # so here
        ("github", "github-evil", False),  # a prefix is no match
        ("*_read", "delete_repo", False),  # keyMatch says yes
        ("*", ".hidden", True),  # wcmatch says no
        ("refund", "refund\n", False),
        ("*", "a\nb", True),
        ("a.b", "axb", False),
        ("[ab]", "a", False),
        ("Refund", "refund", False),
    ],
)
def test_the_holes_of_other_matchers_are_closed(glob: str, text: str, expected: bool) -> None:
    assert compile_glob(glob)(text) is expected


def test_many_stars_on_a_long_text_do_not_go_back() -> None:
    assert not compile_glob("*a" * 30 + "b")("a" * 5_000)  # exponential for a matcher that backtracks


@given(GLOBS, GLOBS, TEXTS)
def test_what_is_covered_is_matched(glob: str, other: str, text: str) -> None:
    if covers(glob, other) and plainly(other, text):
        assert plainly(glob, text)


@pytest.mark.parametrize(
    ("glob", "other", "expected"),
    [
        ("*", "a?b*", True),
        ("a*", "ab*", True),
        ("ab*", "a*", False),
        ("?", "a", True),
        ("*?", "*", False),
        ("a", "a", True),
    ],
)
def test_covering(glob: str, other: str, expected: bool) -> None:
    assert covers(glob, other) is expected


def test_a_tool_pattern_has_two_parts_split_at_the_first_slash() -> None:
    pattern = ToolGlob.of("docs/file:///srv/*")
    assert (pattern.server, pattern.name) == ("docs", "file:///srv/*")
    assert pattern.matches("docs", "file:///srv/a/b")
    assert not ToolGlob.of("*/refund").matches("shop", "x/refund")


@pytest.mark.parametrize("text", ["", "*", "shop", "shop/", "/refund", "/"])
def test_a_pattern_of_one_part_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a server/tool pattern"):
        ToolGlob.of(text)


def test_exact_patterns_are_known_as_such() -> None:
    assert ToolGlob.of("shop/refund").exact
    assert not ToolGlob.of("shop/re?und").exact
    assert is_wild("a*")
    assert ToolGlob.of("*/*").covers(ToolGlob.of("shop/*"))
    assert not ToolGlob.of("shop/*").covers(ToolGlob.of("*/refund"))


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("*", "anything", True),
        ("a*", "*b", True),
        ("a*c", "b*", False),
        ("a?", "ab", True),
        ("a?", "a", False),
        ("*_read", "list_*", True),
        ("x*y*z", "x?z", True),
        ("x*y*z", "xz*a", False),
        ("x*y*z", "x*z", True),
        ("**", "?", True),
        ("ab", "ab", True),
        ("ab", "aB", False),
    ],
)
def test_two_patterns_overlap_when_some_text_matches_both(one: str, other: str, both: bool) -> None:
    assert overlap(one, other) is overlap(other, one) is both


def test_a_pattern_over_uris_is_compared_as_it_is_written_and_as_it_is_decoded() -> None:
    glob = ToolGlob.of("fs/file:///My%20Docs/*")
    assert glob.matches("fs", "file:///My%20Docs/a")
    assert glob.matches("fs", "file:///My Docs/a")
    assert not glob.matches("fs", "file:///MyxDocs/a")
    assert [is_exact(text) for text in ("refund", "file:///a", "refund_*", "re?und", "file:///a%20b", "FILE:///a")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
