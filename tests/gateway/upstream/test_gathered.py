"""What a server lists to clients that declare more counts beside what it lists to all."""

from dataclasses import replace

from gateway.call import Tool, pin_of
from gateway.offer import About, Offer
from gateway.upstream.gathered import MOST, Gathered, declared
from gateway.upstream.listing import Listing

ASKS, SAMPLES = declared({"elicitation": {}}), declared({"sampling": {}})


def listing(*names: str, text: str = "") -> Listing:
    definitions = {name: {"name": name, "description": text, "inputSchema": {"type": "object"}} for name in names}
    return Listing({name: Tool("e", name, said, pin_of(said), False) for name, said in definitions.items()})


def test_who_declares_nothing_is_listed_what_all_are() -> None:
    gathered = Gathered()
    assert declared({}) == ""
    assert gathered.knows("")
    assert not gathered.knows(ASKS)


def test_lists_add_up_and_a_new_one_to_the_same_takes_the_place_of_the_one_before() -> None:
    gathered = Gathered()
    gathered.begin(listing("a"))
    gathered.take(listing("a", "ask", "late"), ASKS)
    gathered.take(listing("a", "sample"), SAMPLES)
    gathered.take(listing("a", "ask"), ASKS)
    gathered.take(listing("a", "b"))
    assert sorted(gathered.all.tools) == ["a", "ask", "b", "sample"]
    assert sorted(gathered.own.tools) == ["a", "b"]
    assert gathered.knows(ASKS)


def test_of_two_definitions_the_last_word_counts_whoever_it_was_told() -> None:
    gathered = Gathered()
    gathered.begin(listing("a", text="honest"))
    gathered.take(listing("a", text="turned"), ASKS)
    assert gathered.all.tools["a"].definition["description"] == "turned"
    gathered.take(listing("a", text="honest"))
    assert gathered.all.tools["a"].definition["description"] == "honest"


def test_resources_reasons_and_instructions_are_gathered_too() -> None:
    gathered = Gathered()
    mine = Offer("resource", "e", "x:1", {"uri": "x:1"})
    gathered.begin(Listing(offers=(mine,), rejected={"e/#1": "bad"}, about=About("before")))
    more = replace(mine, name="x:2")
    gathered.take(Listing(offers=(mine, more), rejected={"e/#2": "worse"}, about=About("after")), ASKS)
    assert gathered.all.offers == (mine, more)
    assert set(gathered.all.rejected) == {"e/#1", "e/#2"}
    assert gathered.all.about.instructions == "before"  # what it says of itself to all


def test_what_all_are_not_listed_any_more_is_nobodys() -> None:
    gathered = Gathered()
    offer = Offer("resource", "e", "x:1", {"uri": "x:1"})
    gathered.begin(replace(listing("a", "b"), offers=(offer,)))
    gathered.take(replace(listing("a", "b", "ask"), offers=(offer, replace(offer, name="x:2"))), ASKS)
    gathered.take(listing("a"))
    assert sorted(gathered.all.tools) == ["a", "ask"]
    assert [one.name for one in gathered.all.offers] == ["x:2"]


def test_a_new_connection_of_all_begins_anew_and_alone_it_is_kept_as_it_is() -> None:
    gathered = Gathered()
    gathered.take(listing("a", "ask"), ASKS)
    first = listing("a")
    gathered.begin(first)
    assert gathered.all == first
    assert not gathered.knows(ASKS)


def test_there_is_an_end_to_what_clients_can_declare() -> None:
    gathered = Gathered()
    gathered.begin(listing("a"))
    for number in range(3 * MOST):
        gathered.take(listing(f"t{number}"), declared({"extensions": {f"x/{number}": {}}}))
    assert sorted(gathered.all.tools) == sorted(["a", *(f"t{number}" for number in range(MOST))])
    assert gathered.knows(declared({"extensions": {"x/new": {}}}))  # nobody is asked in vain


def test_in_other_words_the_same_is_declared() -> None:
    assert declared({"elicitation": {"x": 1}, "roots": None}) == ASKS
    assert declared({"elicitation": {"url": {}}}) != ASKS
    assert declared({"extensions": {"x/ui": {"a": 1}}}) == declared({"extensions": {"x/ui": {}}}) != ""
