"""From where a request may come."""

import pytest

from gateway.serve.origins import Origins, is_loopback, named_by

OURS = Origins(("gate.test", "proxy.test:8443", "Any.test:*"), ("https://ide.test", "https://dev.test:*"))


def status(host: str | None = "127.0.0.1:8765", **others: str) -> int:
    """0 when it may come in."""
    given = {"host": host, **{name.replace("_", "-"): value for name, value in others.items()}}
    headers = [(name.encode(), value.encode("latin-1")) for name, value in given.items() if value is not None]
    refused = OURS.refusal(headers)
    return refused[0] if refused else 0


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1:8765", "127.0.0.9:1", "localhost", "LOCALHOST:80", "[::1]", "[::1]:8765", "gate.test",
        "Gate.Test", "proxy.test:8443", "any.test", "any.test:1",
    ],
)  # fmt: skip
def test_hosts_that_we_are(host: str) -> None:
    assert status(host) == 0


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.test", "evil.test:8765", "localhost.evil.test", "127.0.0.1.evil.test", "evil.test/127.0.0.1",
        "127.0.0.1@evil.test", "evil.test#127.0.0.1", "evil.test?localhost", "127.0.0.1:8765:1", "127.1", "2130706433",
        "0x7f.1", "0.0.0.0:80", "[::]", "[::1", "::1", "localhost.", "gate.test:1", "proxy.test", "gate.test.evil.test",
        "127.0.0.1:port", "127.0.0.1 evil.test", "127.0.0.1\r\nx: y", "[::ffff:7f00:1]x", "any.test.evil:1",
    ],
)  # fmt: skip
def test_hosts_that_we_are_not(host: str) -> None:
    assert status(host) == 421


def test_a_request_says_for_which_host_it_is() -> None:
    assert status(None) == 400


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"/mcp", None), (b"//evil.test/mcp", None), (b"/http://evil.test/mcp", None), (b"*", None),
        (b"gate.test:1", None),
        (b"http://gate.test/mcp", b"gate.test"), (b"HTTPS://Gate.test:1/mcp", b"Gate.test:1"),
        (b"http://gate.test", b"gate.test"), (b"http://gate.test?http://x/", b"gate.test"),
        (b"http://gate.test#@x/", b"gate.test"), (b"http://[::1]:1/mcp", b"[::1]:1"), (b"http:///mcp", b""),
        (b"http://ann@gate.test/mcp", b"ann@gate.test"), (b"ftp://gate.test/mcp", b""), (b"ws://127.0.0.1/mcp", b""),
    ],
)  # fmt: skip
def test_whom_a_target_names(target: bytes, host: bytes | None) -> None:
    """What is nobody's is not let in: the table above has the empty name, and one with credentials."""
    assert named_by(target) == host


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:3000", "http://127.0.0.1", "https://[::1]:1", "https://ide.test", "https://dev.test:7777"],
)
def test_origins_that_may_ask(origin: str) -> None:
    assert status(origin=origin) == 0
    assert status(origin=origin, sec_fetch_site="cross-site") == 0  # named, and so meant


@pytest.mark.parametrize(
    "origin",
    [
        "null", "", "https://evil.test", "http://ide.test", "https://ide.test:1", "https://ide.test.evil.test",
        "http://localhost.evil.test", "http://127.0.0.1@evil.test", "https://evil.test/https://ide.test", "file://",
        "chrome-extension://abc", "//localhost", "localhost", "http://localhost:3000/", "http://127.1",
    ],
)  # fmt: skip
def test_origins_that_may_not(origin: str) -> None:
    assert status(origin=origin) == 403


@pytest.mark.parametrize(
    ("site", "wanted"),
    [("cross-site", 403), ("same-site", 403), ("Cross-Site", 403), ("same-origin", 0), ("none", 0)],
)
def test_what_a_browser_says_of_a_request_without_origin(site: str, wanted: int) -> None:
    assert status(sec_fetch_site=site) == wanted


@pytest.mark.parametrize("name", [b"host", b"origin", b"sec-fetch-site"])
def test_a_header_that_stands_twice_has_no_meaning(name: bytes) -> None:
    headers = [(b"host", b"127.0.0.1"), (name, b"127.0.0.1"), (name, b"127.0.0.1")]
    refused = OURS.refusal(headers)
    assert refused
    assert refused[0] == 400


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_addresses_of_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "", "localhost.evil.example"])  # noqa: S104
def test_addresses_that_others_could_reach(host: str) -> None:
    assert not is_loopback(host)
