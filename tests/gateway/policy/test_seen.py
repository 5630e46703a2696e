"""A call's tool as it was: for policies the same as the one of the catalogue."""

import json
from dataclasses import replace

import pytest

from gateway.call import Action
from gateway.catalogue import Catalogue
from gateway.offer import About, Offer
from gateway.policy import Query, RunFacts, parse
from gateway.policy.scope import NAMES, Scope
from gateway.policy.seen import seen_of, thing_of
from tests.builders import a_tool
from tests.fixtures.policies import a_query

CATALOGUE = Catalogue.of(
    [
        a_tool("shop/stock", trusted=True, readOnlyHint=True, openWorldHint=False, title="Stock"),
        a_tool("shop/refund", trusted=True, destructiveHint=False),
        a_tool("web/fetch", readOnlyHint=True),
    ],
    offers=[Offer("prompt", "shop", "greet", {"name": "greet"}, True, "pin"), Offer("resource", "web", "a://x", {})],
    about={"web": About(capabilities={"resources": {}}), "shop": About()},
)
THINGS: list[tuple[Action, str]] = [
    ("call", "shop/stock"),
    ("call", "shop/refund"),
    ("call", "web/fetch"),
    ("call", "shop/none"),
    ("get", "shop/greet"),
    ("get", "shop/none"),
    ("read", "web/a://x"),
    ("read", "web/a://unlisted"),
    ("read", "shop/a://x"),
    ("complete", "shop/greet"),
    ("complete", "web/a://x"),
]


@pytest.mark.parametrize(("action", "path"), THINGS)
def test_a_policy_sees_of_what_was_kept_what_it_saw_of_the_catalogue(action: Action, path: str) -> None:
    kept = thing_of(json.loads(json.dumps(seen_of(CATALOGUE))), action, path)
    true = CATALOGUE.find(action, path)
    assert (kept is None) == (true is None)
    query = Query(a_query().subject, action, path, {}, true, RunFacts(), a_query().now)
    for _, read in NAMES["tool"].values():
        if kept is not None and not (isinstance(kept, Offer) and action == "read"):
            seen = Scope(replace(query, tool=kept), "user:ann", frozenset())
            assert read(seen) == read(Scope(query, "user:ann", frozenset()))


def test_nothing_is_kept_of_what_no_policy_looks_at() -> None:
    assert "Stock" not in json.dumps(seen_of(CATALOGUE))
    assert (
        parse("p, *, *, */*, call, tool.read_only, allow, x")
        .decide(
            a_query(path="shop/stock", tool=thing_of(seen_of(CATALOGUE), "call", "shop/stock"))  # type: ignore[arg-type]
        )
        .effect
        == "allow"
    )
