"""In which ways a URI can be read: by RFC 3986, decoded, and as the place to which it leads."""

import time

import pytest

from gateway.aliases import alike, as_pattern, readings
from gateway.uris import MAX_URI

SECRET = "file:///mod/secret.txt"


@pytest.mark.parametrize(
    "uri", [SECRET, "notes://today", "ui://app/main", "urn:isbn:1", "file:///C:/x", "notes://{name}"]
)
def test_what_is_written_plainly_has_one_reading(uri: str) -> None:
    assert readings(uri) == ()


@pytest.mark.parametrize(
    "uri",
    [
        "file:///mod/%73ecret.txt",
        "file:///mod/s%65cret%2Etxt",
        "file:///mod/%2573ecret.txt",  # encoded twice
        "FILE:///mod/secret.txt",
        "file://LOCALHOST/mod/secret.txt",
        "file:/mod/secret.txt",
        "file:////mod//secret.txt",
        "file:///mod/x/../secret.txt",
        "file:///mod/./secret.txt",
        "file:///../mod/secret.txt",
        "file:///mod/x/%2e%2E/secret.txt",
        "file:///mod%2Fsecret.txt",
        "file:///mod%5csecret.txt",
        "file:///mod\\secret.txt",
        "file:///mod/secret.txt/",
        "file:///mod/secret.txt#part",
        "file:///mod/secret.txt?x=1",
        "file:///mod/secret.txt%00.md",
        " file:///mod/secret.txt ",
        "file:///mod/sec\tret.txt",
        "file:%2F%2F%2Fmod%2Fsecret.txt",
    ],
)
def test_other_spellings_are_read_as_what_they_mean(uri: str) -> None:
    assert SECRET in readings(uri)
    assert alike(uri, SECRET)
    assert alike(SECRET, uri)


@pytest.mark.parametrize(
    ("uri", "other"),
    [
        ("HTTP://Example.com:80/a", "http://example.com/a"),
        ("mail://bob%40acme.com", "mail://bob@acme.com"),
        ("web://https%3A%2F%2Fx%2F..%2Fy", "web://https://x/../y"),
        ("docs://a/%c3%a9", "docs://a/%C3%A9"),
        ("docs://a/%c3%a9", "docs://a/\u00e9"),
        ("docs://guide#install", "docs://guide"),
        ("s3:a/./b?x=/../y#z", "s3:a/b?x=/../y#z"),
        ("docs://a/b/..", "docs://a/"),
        ("docs://a/..", "docs://a/"),
    ],
)
def test_a_reading_is_found(uri: str, other: str) -> None:
    assert other in readings(uri)


@pytest.mark.parametrize(
    ("uri", "other"),
    [
        ("docs://a/B", "docs://a/b"),  # case counts in a path
        ("repo://Org/x", "repo://org/x"),  # nor is this a host of the network
        ("docs://a/%23b", "docs://a/"),  # an encoded `#` begins no fragment
        ("docs://a?x=1", "docs://a"),
        ("docs://a", "docs://b"),
    ],
)
def test_what_means_something_else_is_no_reading(uri: str, other: str) -> None:
    assert other not in readings(uri)
    assert not alike(uri, other)


def test_a_pattern_is_written_as_what_it_is_compared_with() -> None:
    assert as_pattern("FILE:///a/%7Eme/My%20Docs/*") == "file:///a/~me/My Docs/*"
    assert as_pattern("docs://a%2Ab%252a%3F") == "docs://a?b??"  # no sign becomes a wild card for many
    assert as_pattern("delete_*") == "delete_*"


@pytest.mark.parametrize("part", ["%25", "../", "%", "/", "%2e%2e%2f", "#", ":", "%c3", "\\", "a:"])
def test_a_long_uri_is_read_in_no_time(part: str) -> None:
    uri = f"file:///{part * MAX_URI}"[:MAX_URI]
    began = time.thread_time()
    readings(uri)
    assert time.thread_time() - began < 2
