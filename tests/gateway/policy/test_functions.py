from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.functions import FUNCTIONS
from gateway.policy.logic import UNDECIDED
from gateway.policy.scope import Kind

U = UNDECIDED


def call(name: str, value: Any, *fixed: str) -> Any:
    return FUNCTIONS[name].prepare(fixed)(value)


@pytest.mark.parametrize(
    ("value", "expected"), [("añb", 3), ([1, 2], 2), ({"a": 1}, 1), ("", 0), (5, U), (None, U), (True, U), (U, U)]
)
def test_len(value: Any, expected: Any) -> None:
    assert call("len", value) == expected


@pytest.mark.parametrize(("value", "expected"), [("ABC", "abc"), (5, U), (["A"], U), (None, U)])
def test_lower(value: Any, expected: Any) -> None:
    assert call("lower", value) == expected


@pytest.mark.parametrize(
    ("value", "globs", "expected"),
    [
        ("rm -rf /", ["rm *"], True), ("rm\nx", ["rm?x"], True), ("a.py", ["*.md", "*.py"], True),
        ("A.PY", ["*.py"], False), (5, ["*"], U), (None, ["*"], U), (["a"], ["a"], U),
    ],
)  # fmt: skip
def test_matches(value: Any, globs: list[str], expected: Any) -> None:
    assert call("matches", value, *globs) is expected


@pytest.mark.parametrize(
    ("value", "every", "some"),
    [
        (["a1", "a2"], True, True), (["a1", "b"], False, True), (["b"], False, False), (["a", 5], U, True),
        (["b", 5], False, U), ([], U, False), ("a", U, U), (None, U, U), ({"a": 1}, U, U),
    ],
)  # fmt: skip
def test_all_match_and_any_match(value: Any, every: Any, some: Any) -> None:
    assert call("all_match", value, "a*") is every
    assert call("any_match", value, "a*") is some


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ann@acme.com", True), ("ANN@ACME.COM", True), (["a@acme.com", "b@acme.com"], True), ("a@b.acme.com", False),
        ("a@eu.acme.de", True), ("a@acme.de", False), ("a@evil-acme.com", False), ("a@acme.com.evil.org", False),
        (["a@acme.com", "a@evil.org"], False),
        # what a mail program might read in another way is undecidable
        ("Ann <ann@acme.com>", U), ("a@acme.com,b@evil.org", U), ("a@evil.org@acme.com", U), (" a@acme.com", U),
        ("a@acme.com\n", U), ("acme.com", U), ("a@\u0430cme.com", U), ("", U), ([], U), (5, U), (["a@acme.com", 5], U),
        ('"a b"@acme.com', U), ("a@acme.com\r\nBcc: x@evil.org", U),
        ("o'neil+x.y_z-1@acme.com", True), ("eve%evil.com@acme.com", U), ("evil.com!x@acme.com", U),
        ("eve=evil.com@acme.com", U), ("a/b@acme.com", U), ("|sh@acme.com", U), ("-oX@acme.com", U),
        ("a..b@acme.com", U),
        (".a@acme.com", U), ("a.@acme.com", U), ("#a@acme.com", U), ("a@acme.com.", U), ("\u00e4@acme.com", U),
    ],
)  # fmt: skip
def test_in_domain(value: Any, expected: Any) -> None:
    assert call("in_domain", value, "acme.com", "*.acme.de") is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("notes/a.md", True), ("notes", True), ("./notes//a", True), ("notes/a/b/c", True), ("notes.txt", False),
        ("notesx/a", False), ("src/notes", False), (".", False),
        ("notes/../etc", U), ("notes/..", U), ("../notes/a", U), ("/notes/a", U), ("~/notes", U), ("C:/notes", U),
        ("notes\\..\\etc", U), ("notes/%2e%2e/etc", U), ("notes/%2E./x", U), ("notes/a\x00.md", U), ("", U), (5, U),
        (["notes/a"], U), (None, U),
        # what some program reads as `..`, as `/`, or as nothing
        ("notes/%252e%252e/x", U), ("notes/%c0%ae%c0%ae/x", U), ("notes/\uff0e\uff0e/x", U), ("notes/.. /x", U),
        ("notes/..;/x", U), ("notes/..;a=b/x", U), ("notes/ ../x", U), ("notes/.../x", U), ("notes/. ./x", U),
        ("notes/%u002e%u002e/x", U), ("notes/%ef%bc%8e%ef%bc%8e/x", U), ("notes/%25u002e./x", U), ("notes/\u2025/x", U),
        ("notes/.\u200b./x", U), ("notes/.\t./x", U), ("notes\u2215..\u2215x", U), ("notes/\uff3c..", U),
        ("notes/a\n", U),
        ("notes/.%20./x", U), ("notes/..%20/x", U), ("notes/..%0a/x", U), ("notes/..%3b/x", U), (" notes/x", U),
        ("notes/x ", U),
        ("file:notes/x", U), ("notes::$INDEX_ALLOCATION/x", U), ("notes./x", U), ("notes /x", U), ("notes;/x", U),
        ("notes/\udc2e\udc2e/x", U), ("notes/%2525", U), ("notes/%", True), ("notes/100% x", True),
        ("notes/a%20b.md", True),
        ("notes/M\u00fcller \u738b.md", True), ("notes/M%C3%BCller.md", True), ("notes/.git", True),
        ("notes/a..b", True),
        ("notes/12:30.md", True), ("notes/~x", True), ("n%6ftes/x", U), ("other/n%6ftes", False),
    ],
)  # fmt: skip
def test_under_a_relative_folder(value: Any, expected: Any) -> None:
    assert call("under", value, "notes/") is expected


def test_a_folder_with_a_percent_sign_in_its_name_is_found() -> None:
    assert call("under", "a%20b/c", "a%20b") is True
    assert call("under", "a b/c", "a%20b") is U
    assert call("under", "a c/c", "a%20b") is False


@pytest.mark.parametrize(
    ("value", "expected"),
    [("/srv/a", True), ("/srv", True), ("/srvx", False), ("/tmp/x", True), ("srv/a", U), ("/srv/../etc", U)],
)
def test_under_absolute_folders(value: Any, expected: Any) -> None:
    assert call("under", value, "/srv", "/tmp/") is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://Example.com/x?y#z", "example.com"), ("http://example.com:8080", "example.com"),
        ("https://example.com.", "example.com"), ("http://[::1]:80/", "::1"), ("http://127.0.0.1/", "127.0.0.1"),
        # readers of URLs disagree about these
        ("https://acme.com@evil.org/", U), ("https://acme.com\\@evil.org", U), ("https:acme.com", U), ("//acme.com", U),
        ("https://acme.com /", U), ("https://acme.com\t.evil.org", U),
        ("https://\u0430cme.com", U), ("https://a%63me.com", U),
        ("http://evil.com../", U), ("http://.evil.com/", U), ("http://evil..com/", U), ("http://./", U),
        ("http://../", U),
        ("http://2130706433/", U), ("http://0x7f.1/", U), ("http://127.1/", U), ("http://010.0.0.1/", U),
        ("http://1.2.3.4./", "1.2.3.4"), ("http://[::ffff:1.2.3.4]/", "1.2.3.4"), ("http://[::FFFF:1:2]/", "0.1.0.2"),
        ("http://[0:0:0:0:0:0:0:1]/", "::1"), ("http://[::1::]/", U), ("http://[.]/", U), ("http://a.1b/", "a.1b"),
        ("acme.com", U), ("", U), (5, U), ("file:///etc/passwd", U), ("https://acme.com/\n", U),
    ],
)  # fmt: skip
def test_host(value: Any, expected: Any) -> None:
    assert call("host", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("10.1.2.3", True), ("11.0.0.1", False), ("fc00::1", True), ("::ffff:10.0.0.1", True), ("::1", False),
        ("64:ff9b::a00:1", U), ("2002:a00:1::", U), ("2001:db8::1", False), ("fe80::1%eth0", U),
        ("167772161", U), ("10.1", U), ("0x0a000001", U), ("010.0.0.1", U), ("example.com", U), (167772161, U), ("", U),
    ],
)  # fmt: skip
def test_in_cidr(value: Any, expected: Any) -> None:
    assert call("in_cidr", value, "10.0.0.0/8", "fc00::/7") is expected


@pytest.mark.parametrize(
    ("name", "fixed", "part"),
    [
        ("in_domain", "not a domain", "is not a domain"),
        ("in_domain", "@acme.com", "is not a domain"),
        ("under", "a/../b", "is not a plain path"),
        ("under", "a\\b", "is not a plain path"),
        ("in_cidr", "10.0.0.1/8", "is not a network"),
        ("in_cidr", "loopback", "is not a network"),
        ("in_cidr", "::ffff:10.0.0.0/104", "would match nothing"),
        ("before", "2026-02-30", "is no date or time"),
        ("after", "tomorrow", "is no date or time"),
        ("matches_regex", "(a", "is no pattern"),
        ("matches_regex", "(?=a)b", "is no pattern"),
    ],
)
def test_wrong_fixed_arguments_are_found_when_the_policy_is_loaded(name: str, fixed: str, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        FUNCTIONS[name].prepare([fixed])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=5,
)
FIXED = {
    "under": "/srv",
    "in_cidr": "10.0.0.0/8",
    "in_domain": "acme.com",
    "before": "2026-12-31",
    "after": "2026-12-31",
    "matches_regex": "a+",
}


@given(st.sampled_from(sorted(FUNCTIONS)), JSON)
def test_every_function_answers_for_every_value(name: str, value: Any) -> None:
    function = FUNCTIONS[name]
    answer = function.prepare([FIXED.get(name, "a*")] if function.fixed else [])(value)
    expected: dict[Kind, Any] = {"bool": bool, "number": int, "string": str}
    assert answer is UNDECIDED or isinstance(answer, expected[function.gives])
