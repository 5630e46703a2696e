"""A specification gives nothing away."""

import pytest

from gateway.upstream.spec import Http, ServerSpec, Stdio, longest_secret, redacted

SECRET = "hunter2hunter2"

TRANSPORTS = [
    Stdio("server", ("--token", SECRET), {"TOKEN": SECRET}),
    Http("https://example.com/mcp", {"Authorization": f"Bearer {SECRET}"}),
    Http(f"https://ann:{SECRET}@example.com/mcp"),
    Http(f"https://example.com/mcp?key={SECRET}"),
    Http(f"https://example.com/{SECRET}/mcp", secrets=(SECRET,)),
    Stdio("server", ("--token", SECRET), secrets=(SECRET,)),
]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_no_repr_shows_a_secret(transport: Stdio | Http) -> None:
    assert SECRET not in repr(transport)
    assert SECRET not in repr(ServerSpec("s", transport))


def test_a_transport_is_given_or_made_when_it_is_needed() -> None:
    assert ServerSpec("s", Stdio("x")).resolve() == Stdio("x")
    assert ServerSpec("s", lambda: Http("http://localhost")).resolve() == Http("http://localhost")


@pytest.mark.parametrize("transport", [*TRANSPORTS[1:], Stdio("server", (), {"TOKEN": SECRET})])
def test_a_text_loses_the_secrets_and_the_control_characters(transport: Stdio | Http) -> None:
    assert redacted(f"can't use {SECRET}:\x1b[31m\nno", transport) == "can't use ***: [31m no"


def test_a_short_value_is_no_secret() -> None:
    assert redacted("line 1 is true", Stdio("s", (), {"DEBUG": "1", "FLAG": "true"})) == "line 1 is true"


def test_the_length_of_the_longest_secret_is_known_in_bytes() -> None:
    assert longest_secret(Stdio("s")) == 0
    assert longest_secret(Stdio("s", (), {"A": "é" * 7}, secrets=("abcdef",))) == 14


def test_a_secret_of_many_lines_goes_line_by_line_too() -> None:
    assert redacted("no: cccddd", Stdio("s", (), {"KEY": "aaabbb\ncccddd\n"})) == "no: ***"


def test_a_secret_that_holds_another_goes_whole() -> None:
    assert redacted("abcdef-123", Stdio("s", (), {"A": "abcdef", "B": "abcdef-123"})) == "***"
