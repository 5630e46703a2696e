from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy import Policy, Query, parse
from gateway.policy.suggest.lines import Suggestions, suggestions
from gateway.policy.suggest.recorded import Refused
from tests.fixtures.policies import a_query, a_tool, policy_lines, queries

POLICY = """\
p, role:support, *, shop/refund, call, 0 < args.amount <= 100, allow, small
p, *, *, shop/refund, call, args.amount > 1000, deny, through finance
p, *, *, shop/refund, call, run.tainted, ask, untrusted text was read
p, agent:desk, *, shop/*, call, , allow, ceiling
g, user:ann, role:support, acme
"""


def refused(*found: Query) -> list[Refused]:
    return [Refused(f"r-1/c/{number}", 86_400_000 * number, query) for number, query in enumerate(found, start=1)]


def suggested(*found: Query, who: str | None = None, policy: str = POLICY) -> Suggestions:
    return suggestions(parse(policy), refused(*found), who)


def refund(amount: Any, who: str = "user:ann", **more: Any) -> Query:
    return a_query(who, "shop/refund", {"order": "o1", "amount": amount}, **more)


def test_the_line_is_as_narrow_as_what_was_asked() -> None:
    (one,) = suggested(refund(200), refund(200), refund(300)).suggested
    when = "args.amount in [200, 300] and args.order == 'o1' and len(args) == 2 and subject.agent == ''"
    assert one.rows == (f'p, user:ann, acme, shop/refund, call, "{when}", allow, as 3 calls that were denied',)
    assert (len(one.calls), one.also, one.asks, one.notes) == (3, (), (), ())


def test_nothing_is_suggested_over_a_line_that_denies() -> None:
    found = suggested(refund(2000), refund("5"), refund(2000, "user:eve via agent:other"))
    assert found.suggested == ()
    (blocked,) = found.blocked
    assert (blocked.rule, blocked.why, len(blocked.calls)) == ("policy.csv:2", "through finance", 3)


def test_a_line_that_denies_the_agent_stands_in_the_way_too() -> None:
    policy = POLICY + "p, agent:desk, *, shop/refund, call, , deny, not the desk\n"
    found = suggested(refund(200, "user:ann via agent:desk"), policy=policy)
    assert found.suggested == ()
    assert [one.why for one in found.blocked] == ["not the desk"]


def test_who_lacks_a_line_gets_one_and_nobody_else() -> None:
    (user,) = suggested(refund(200, "user:ann via agent:desk")).suggested
    assert [row.partition(",")[2].split(",")[0].strip() for row in user.rows] == ["user:ann"]
    assert "subject.agent == 'agent:desk'" in user.rows[0]
    (agent,) = suggested(refund(50, "user:ann via agent:other")).suggested
    assert agent.rows[0].startswith("p, agent:other, acme, ")
    assert "subject.user == 'user:ann'" in agent.rows[0]
    (both,) = suggested(refund(200, "user:ann via agent:other")).suggested
    assert [row.split(",")[1].strip() for row in both.rows] == ["user:ann", "agent:other"]


def test_a_line_that_would_ask_is_said() -> None:
    tainted = a_query("user:ann", "shop/refund", {"amount": 200}, run=_tainted())
    (one,) = suggested(tainted).suggested
    assert one.asks == (("policy.csv:3", 1),)


def test_what_else_would_be_turned_is_said_and_whose_it_is() -> None:
    mine = [refund(amount) for amount in (200, 250, 300, 400)]
    other = a_query("user:ann", "shop/refund", {"order": "o1", "amount": 222}, tenant="acme")
    found = suggestions(parse(POLICY), refused(*mine))
    (one,) = found.suggested
    assert "200 <= args.amount <= 400" in one.rows[0]
    assert one.notes == ("any number from 200 to 400 in args.amount: 4 were seen",)
    (again,) = suggestions(parse(POLICY), refused(*mine, other, refund(222, "user:bob")), "user:ann").suggested
    assert (len(again.calls), again.also) == (5, ())


def test_what_a_line_denies_is_not_among_what_else_would_be_turned() -> None:
    policy = POLICY + "p, agent:desk, *, shop/refund, call, args.amount == 250, deny, not that\n"
    desk = "user:ann via agent:desk"
    found = suggested(*(refund(amount, desk) for amount in (200, 220, 250, 300, 400)), policy=policy)
    (one,) = found.suggested
    assert "200 <= args.amount <= 400" in one.rows[0]
    assert (len(one.calls), one.also) == (4, ())


def test_calls_of_others_are_counted_but_get_no_line() -> None:
    found = suggested(refund(200), refund(200, "user:eve"), who="user:eve")
    assert found.denials == 1
    assert [one.calls[0].query.subject.user for one in found.suggested] == ["user:eve"]
    through = suggested(refund(200, "user:ann via agent:other"), refund(200), who="agent:other")
    assert through.denials == 1


def test_what_the_policy_allows_today_needs_no_line() -> None:
    found = suggested(refund(50))
    assert (found.suggested, found.allowed, found.denials) == ((), 1, 1)


def test_what_is_not_in_the_record_is_not_guessed() -> None:
    unknown = Refused("r-1/c/1", 0, a_query("user:eve", "shop/x"))
    cut = Refused("r-1/c/2", 0, Query(*_without_args(unknown.query)))
    found = suggestions(parse(POLICY), [cut])
    assert (found.suggested, found.left_out) == ((), (("the record does not have their arguments whole", 1),))


def test_names_that_a_pattern_can_not_hold_are_said_in_the_condition() -> None:
    odd = a_query("user:eve", "shop/re fund", {}, tool=a_tool("shop/re fund"))
    (one,) = suggested(odd).suggested
    assert "shop/re?fund, call, " in one.rows[0]
    assert "tool.name == 're fund'" in one.rows[0]
    uri = "shop/file:///a,b"
    (read,) = suggested(a_query("user:eve", uri, {"uri": "file:///a,b"}, action="read")).suggested
    assert "shop/file:///a?b, read, " in read.rows[0]


def test_a_name_that_no_line_can_hold_gets_none() -> None:
    found = suggested(a_query("user:eve\u00e9", "shop/x", {}))
    assert found.suggested == ()
    assert sum(count for _, count in found.left_out) == 1


def _tainted() -> Any:
    from gateway.policy import RunFacts

    return RunFacts(tainted=True)


def _without_args(query: Query) -> Sequence[Any]:
    values = {name: getattr(query, name) for name in query.__dataclass_fields__} | {"args": None}
    return list(values.values())


# ---- the law: the line allows exactly those denied calls


@settings(max_examples=300)
@given(policy_lines, st.lists(queries(), min_size=1, max_size=12))
def test_appending_a_line_allows_exactly_the_denied_calls_that_it_says(lines: list[str], asked: list[Query]) -> None:
    text = "\n".join(lines)
    policy = parse(text)
    denied = refused(*(query for query in asked if policy.decide(query).effect == "deny"))
    found = suggestions(policy, denied)
    for one in found.suggested:
        longer = parse("\n".join([text, *one.rows]))
        turned = {id(call.query) for call in (*one.calls, *one.also)}
        asks = sum(count for _, count in one.asks)
        assert asks == sum(longer.decide(call.query).effect == "ask" for call in one.calls)
        for query in asked:
            before, after = policy.decide(query).effect, longer.decide(query).effect
            if id(query) in turned:
                assert (before, after != "deny") == ("deny", True)
            else:
                assert before == after
    _every_denial_is_accounted_for(policy, denied, found)


def _every_denial_is_accounted_for(policy: Policy, denied: Sequence[Refused], found: Suggestions) -> None:
    parts = (
        sum(len(one.calls) for one in found.suggested),
        sum(len(one.calls) for one in found.blocked),
        sum(count for _, count in found.left_out),
        found.allowed,
    )
    assert sum(parts) == found.denials == len(denied)
    assert found.allowed == 0
    for one in found.blocked:
        assert any(rule.where == one.rule and rule.effect == "deny" for rule in policy.rules)


@given(st.lists(st.tuples(st.integers(101, 999), st.sampled_from(["a", "b"])), min_size=1, max_size=30))
def test_a_line_never_allows_what_is_unlike_all_that_was_asked(seen: list[tuple[int, str]]) -> None:
    found = suggested(*(a_query("user:ann", "shop/refund", {"amount": n, "kind": kind}) for n, kind in seen))
    rows = [row for one in found.suggested for row in one.rows]
    longer = parse("\n".join([POLICY, *rows]))
    amounts = [amount for amount, _ in seen]

    def allowed(who: str = "user:ann", path: str = "shop/refund", tenant: str = "acme", **args: Any) -> bool:
        return longer.decide(a_query(who, path, args, tenant=tenant)).effect != "deny"

    assert all(allowed(amount=amount, kind=kind) for amount, kind in seen)
    assert not allowed(amount=max(amounts) + 1, kind=seen[0][1])
    assert not allowed(amount=seen[0][0], kind="c")
    assert not allowed(amount=seen[0][0], kind=seen[0][1], force=True)
    assert not allowed("user:eve", amount=seen[0][0], kind=seen[0][1])
    assert not allowed("user:ann via agent:desk", amount=seen[0][0], kind=seen[0][1])
    assert not allowed(path="shop/other", amount=seen[0][0], kind=seen[0][1])
    assert not allowed(tenant="other", amount=seen[0][0], kind=seen[0][1])
