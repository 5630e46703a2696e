import pytest

from gateway.reach import Reach
from gateway.upstream.auth.authority import Authority, ClientKeys, resource_of


@pytest.mark.parametrize(
    ("url", "resource"),
    [
        ("https://Tracker.example/mcp", "https://tracker.example/mcp"),
        ("https://ann:pw@tracker.example:8443/mcp?key=secret#x", "https://tracker.example:8443/mcp"),
        ("HTTPS://tracker.example", "https://tracker.example"),
    ],
)
def test_what_tokens_are_for_holds_no_secret_of_the_address(url: str, resource: str) -> None:
    assert resource_of(url) == resource
    assert Authority("x", url, Reach()).resource == resource


def test_no_secret_is_in_a_repr() -> None:
    shown = repr(Authority("x", "https://t/mcp?key=hush", Reach(), client=ClientKeys("id", "secret-hush")))
    assert "hush" not in shown
