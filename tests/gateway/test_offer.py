"""What a server offers beside tools."""

import itertools

import pytest

from gateway.offer import About, Offer, called, is_of


def test_policies_know_an_offer_by_its_server_and_its_name() -> None:
    assert Offer("resource", "files", "file:///a/b", {}).path == "files/file:///a/b"


@pytest.mark.parametrize(
    ("gateways", "back"),
    [
        ((), False),
        (("b",), False),
        (("m",), True),  # it is this very gateway
        (("b", "m"), True),
        (("b", "c", "m"), True),
        (("z", "m"), False),  # it is the one that passes this over: it finds itself behind us, too
    ],
)
def test_of_gateways_that_name_each_other_one_leaves_the_other_out(gateways: tuple[str, ...], back: bool) -> None:
    assert About(gateways=gateways).leads_back("m") is back


def test_in_each_ring_of_gateways_somebody_leaves_the_next_one_out() -> None:
    for ring in itertools.permutations("abcd"):
        behind = [(*ring[place + 1 :], *ring[: place + 1]) for place in range(len(ring))]
        assert any(About(gateways=one).leads_back(own) for own, one in zip(ring, behind, strict=True))


def test_a_gateway_is_known_by_its_process_and_tells_nothing_of_it() -> None:
    one, other = called("host/7/abc", "x"), called("host/7/abc", "y")
    assert one != other
    assert "host" not in one
    assert all(is_of(name, "host/7/abc") for name in (one, other))
    assert not is_of(one, "host/7/ab")
