"""What is compared with pins, and how each of it is called."""

import pytest

from gateway.call import pin_of
from gateway.catalogue import Catalogue
from gateway.offer import About, Offer
from gateway.pins.things import Thing, kind_of, named, thing_of, things
from tests.builders import a_tool

OFFERS = (
    Offer("prompt", "shop", "greet/all", {"name": "greet/all"}, pin="p"),
    Offer("resource", "shop", "file:///a", {"uri": "file:///a"}, pin="r"),
    Offer("template", "shop", "file:///{x}", {"uriTemplate": "file:///{x}"}, pin="t"),
)


def test_all_that_servers_offer_is_there_under_names_that_cannot_meet() -> None:
    about = {"shop": About("Ask first."), "mute": About(" \n"), "desk": About("Write.")}
    catalogue = Catalogue.of([a_tool("shop/prompt")], offers=OFFERS, about=about)
    found = {thing.path: (thing.kind, thing.lasts) for thing in things(catalogue)}
    assert found == {
        "shop/prompt": ("tool", True),
        "shop/prompt:greet/all": ("prompt", True),
        "shop/resource:file:///a": ("resource", False),
        "shop/template:file:///{x}": ("template", False),
        "shop/about:instructions": ("about", True),
        "desk/about:instructions": ("about", True),
    }


def test_instructions_are_a_definition_of_their_own() -> None:
    (thing,) = things(Catalogue.of([], about={"shop": About("Ask first.")}))
    said = {"instructions": "Ask first."}
    assert thing == Thing("shop", "about:instructions", said, pin_of(said))


@pytest.mark.parametrize("offer", OFFERS)
def test_an_offer_is_called_by_its_label(offer: Offer) -> None:
    thing = thing_of(offer)
    assert (thing.path, thing.pin) == (offer.label, offer.pin)
    assert (kind_of(thing.name), named(thing.name)) == (offer.kind, offer.name)


def test_a_tool_is_called_by_its_name() -> None:
    assert (kind_of("refund"), named("refund")) == ("tool", "refund")
