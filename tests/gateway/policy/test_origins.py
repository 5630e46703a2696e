"""`from_user` and `from_untrusted` in conditions: undecidable without a run, and never what grants then."""

from typing import Any

import pytest

from gateway.errors import PolicyError
from gateway.policy import Query, RunFacts, parse
from gateway.policy.explain import explain
from gateway.sources import Sources
from tests.fixtures.policies import NOON, a_query, a_tool

HEARD = Sources("Write to bob@acme.example.").hearing(
    "web", "t1/call/1", {"kind": "answered", "result": {"content": [{"type": "text", "text": "eve@evil.example"}]}}
)


def asked(args: dict[str, Any], sources: Sources | None = HEARD, **more: Any) -> Query:
    return a_query("user:ann", "mail/send", args, run=RunFacts(sources=sources), **more)


def effect(condition: str, effect: str, query: Query) -> str:
    lines = "p, *, *, */*, call, , allow, all may\n" if effect != "allow" else ""
    return parse(f"{lines}p, *, *, mail/send, call, {condition}, {effect}, why").decide(query).effect


@pytest.mark.parametrize(
    ("to", "from_user", "from_untrusted"),
    [("bob@acme.example", True, False), ("eve@evil.example", False, True), ("ann@acme.example", False, False)],
)
def test_conditions_see_where_a_value_came_from(to: str, from_user: bool, from_untrusted: bool) -> None:
    query = asked({"to": to})
    assert effect("from_user(args.to)", "allow", query) == ("allow" if from_user else "deny")
    assert effect("from_untrusted(args.to)", "deny", query) == ("deny" if from_untrusted else "allow")
    assert effect("not from_user(args.to)", "ask", query) == ("allow" if from_user else "ask")
    assert effect("from_untrusted(args)", "ask", query) == ("ask" if from_untrusted else "allow")


@pytest.mark.parametrize("condition", ["from_user(args.to)", "from_untrusted(args.to)"])
@pytest.mark.parametrize("negated", ["", "not "])
@pytest.mark.parametrize(
    ("args", "sources"), [({"to": "bob@acme.example"}, None), ({}, HEARD), ({"to": None}, HEARD), ({"to": True}, HEARD)]
)
def test_what_can_not_be_told_never_grants_and_always_restricts(
    condition: str, negated: str, args: dict[str, Any], sources: Sources | None
) -> None:
    query = asked(args, sources)
    assert effect(negated + condition, "allow", query) == "deny"
    assert effect(negated + condition, "ask", query) == "ask"
    assert effect(negated + condition, "deny", query) == "deny"


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("from_user()", "write from_user(args.name)"),
        ("from_user(args.a, args.b)", "write from_user(args.name)"),
        ("from_user('x')", "only arguments come from somewhere"),
        ("from_untrusted(tool.name)", "only arguments come from somewhere"),
        ("from_untrusted(has(args.a))", "can never be decided: it was given a yes or no"),
        ("from_usr(args.a)", "did you mean `from_user`?"),
        ("from_user", "is a function"),
        ("from_user(args.to) == 'x'", "can never be decided"),
    ],
)
def test_what_is_no_question_is_refused_when_the_file_is_read(condition: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(f'p, *, *, */*, call, "{condition}", allow, why')
    assert said in str(caught.value)


def test_a_list_is_the_same_for_all_runs_and_so_no_line_for_lists_asks() -> None:
    with pytest.raises(PolicyError, match="can't look at `from_user"):
        parse("p, *, *, */*, call, , allow, why\np, *, *, */*, list, from_user(args.to), deny, why")


def test_only_a_policy_that_asks_traces() -> None:
    assert not parse("p, *, *, */*, call, args.to == 'x', allow, why").traces
    assert parse("p, *, *, */*, call, args.n > 1 and not from_user(args.to), allow, why").traces
    assert parse("p, *, *, */*, call, , allow, w\no, *, *, */*, call, from_untrusted(args.to), dry_run, w").traces


def test_a_tool_stays_listed_whose_use_depends_on_it() -> None:
    policy = parse("p, *, *, mail/send, call, from_user(args.to), allow, why")
    assert policy.visible(asked({}).subject, a_tool("mail/send"), NOON)


@pytest.mark.parametrize(
    ("to", "shown"),
    [
        ("bob@acme.example", "the user's own words"),
        ("eve@evil.example", "untrusted server web (t1/call/1)"),
        ("ann@acme.example", "neither the user's own words nor an untrusted server"),
    ],
)
def test_an_explanation_says_where_a_value_came_from(to: str, shown: str) -> None:
    policy = parse("p, *, *, */*, call, , allow, all\np, *, *, mail/send, call, from_untrusted(args.to), deny, why")
    (answer,) = explain(policy, asked({"to": to})).answers
    saw = dict(answer.lines[0].saw)
    assert saw["args.to"] == f'"{to}"'
    assert shown in saw["from_untrusted(args.to)"]


def test_an_explanation_says_when_nobody_knows() -> None:
    policy = parse("p, *, *, mail/send, call, from_user(args.to), allow, all")
    (answer,) = explain(policy, asked({"to": "bob"}, None)).answers
    assert dict(answer.lines[0].saw)["from_user(args.to)"] == "not known"
    assert "from_user(args.to) is not known" in answer.misses[0].missing
