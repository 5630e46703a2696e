"""What a server offers beside tools."""

from gateway.offer import Offer


def test_policies_know_an_offer_by_its_server_and_its_name() -> None:
    assert Offer("resource", "files", "file:///a/b", {}).path == "files/file:///a/b"
