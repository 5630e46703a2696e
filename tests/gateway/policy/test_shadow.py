"""A candidate that is asked what it would have said."""

from typing import Any

from gateway.policy import parse
from gateway.policy.shadow import MOST, SAMPLE, compare
from tests.fixtures.policies import a_query

LIVE = parse("p, *, *, shop/*, call, , allow, may\n")
STRICTER = parse(
    "# moved\np, *, *, shop/*, call, , allow, may\np, *, *, shop/refund, call, args.amount > 5, deny, no\n"
)


def heard(*queries: Any) -> list[Any]:
    return [(query, LIVE.decide(query)) for query in queries]


def test_only_another_effect_is_a_difference_and_not_another_line() -> None:
    tally = compare(STRICTER, heard(a_query(args={"amount": 1}), a_query(args={"amount": 9})), 7)
    assert (tally.seen, tally.differed, tally.failed) == (2, 1, 0)
    (found,) = tally.found
    it = found.difference
    assert (it.old, it.old_line, it.new, it.new_line) == ("allow", "policy.csv:1", "deny", "policy.csv:3")
    assert (it.who, it.tenant, it.action, it.tool) == ("user:ann", "acme", "call", "shop/refund")
    assert (found.count, found.first, found.last, found.sample) == (1, 7, 7, '{"amount": 9}')


def test_the_same_difference_is_counted_with_the_first_call_as_its_sample() -> None:
    tally = compare(STRICTER, heard(*(a_query(args={"amount": amount}) for amount in (6, 7, 8))), 7)
    assert [(found.count, found.sample) for found in tally.found] == [(3, '{"amount": 6}')]


def test_who_works_through_an_agent_is_told_apart() -> None:
    queries = [a_query(who, args={"amount": 9}) for who in ("user:ann", "user:bob")]
    agents = parse("p, *, *, shop/*, call, , allow, may\n")
    both = [(query, agents.decide(query)) for query in queries]
    assert [found.difference.who for found in compare(STRICTER, both, 1).found] == ["user:ann", "user:bob"]
    through = a_query("user:ann via agent:a", args={"amount": 9})
    (found,) = compare(STRICTER, [(through, LIVE.decide(through))], 1).found
    assert found.difference.who == "user:ann via agent:a"


def test_a_candidate_that_breaks_is_counted_and_harms_nobody() -> None:
    class Broken:
        def decide(self, _query: Any) -> Any:
            raise ZeroDivisionError

    tally = compare(Broken(), heard(a_query(), a_query()), 1)  # type: ignore[arg-type] # as a Policy
    assert (tally.seen, tally.differed, tally.failed, tally.found) == (2, 0, 2, ())


def test_differences_and_samples_are_bounded() -> None:
    nothing = parse("p, user:nobody, *, */*, call, , allow, may\n")
    queries = [a_query(path=f"shop/t{n}", args={"text": "x" * 2 * SAMPLE}) for n in range(MOST + 5)]
    tally = compare(nothing, heard(*queries), 1)
    assert tally.differed == MOST + 5
    assert len(tally.found) == MOST
    assert len(tally.found[0].sample) == SAMPLE + 1


def test_other_duties_are_a_difference_and_other_lines_for_the_same_duties_are_none() -> None:
    allow = "p, *, *, shop/*, call, , allow, may\n"
    live = parse(allow + "o, *, *, shop/*, call, , redact=ssn iban; timeout=10 s, keep\n", "live.csv")
    query = a_query()
    same = parse(allow + "o, *, *, */*, call, , redact=IBAN ssn, x\no, *, *, */*, call, , timeout=10 s, y\n", "new.csv")
    assert compare(same, [(query, live.decide(query))], 1).differed == 0
    looser = parse(allow + "o, *, *, shop/*, call, , redact=ssn, keep\n", "new.csv")
    (found,) = compare(looser, [(query, live.decide(query))], 1).found
    it = found.difference
    assert (it.old, it.old_line, it.old_duties) == ("allow", "live.csv:2", "redact=ssn iban; timeout=10 s")
    assert (it.new, it.new_line, it.new_duties) == ("allow", "new.csv:2", "redact=ssn")
    (found,) = compare(parse(allow), [(query, live.decide(query))], 1).found
    assert (found.difference.new_line, found.difference.new_duties) == (None, "")
