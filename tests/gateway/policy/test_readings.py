from dataclasses import replace

import pytest

from gateway.policy import RunFacts, parse
from gateway.policy.compiler import compile_condition
from gateway.policy.readings import always, depends_on_time, sometimes
from gateway.policy.scope import ANY_RUN, Scope
from tests.fixtures.policies import a_query, a_tool

UNKNOWN = replace(a_query(tool=a_tool("shop/refund", readOnlyHint=True)), args=None, run=ANY_RUN)


@pytest.mark.parametrize(
    ("condition", "allow", "deny"),
    [
        ("", (True, True), (True, True)),
        ("tool.read_only", (True, True), (True, True)),
        ("not tool.read_only", (False, False), (False, False)),
        # nobody knows the arguments, or the run: an `allow` line may hold, a `deny` line need not
        ("args.amount < 5", (False, True), (False, True)),
        ("run.calls < 5", (False, True), (False, True)),
        ("'mail' in run.servers", (False, True), (False, True)),
        ("has(args.amount)", (False, True), (False, True)),
        ("args.amount < 5 and not tool.read_only", (False, False), (False, False)),
        ("args.amount < 5 or tool.read_only", (True, True), (True, True)),
        # what no argument decides, and no run: it never grants and always restricts
        ("subject.auth_age < 900", (False, False), (True, True)),
    ],
)
def test_what_a_line_says_in_a_list(condition: str, allow: tuple[bool, bool], deny: tuple[bool, bool]) -> None:
    scope = Scope(UNKNOWN, "user:ann", frozenset())
    for effect, expected in (("allow", allow), ("deny", deny), ("ask", deny)):
        (rule,) = parse(f'p, *, *, */*, call, "{condition}", {effect}, why').rules
        assert (always(rule, scope), sometimes(rule, scope)) == expected


def test_what_a_run_has_done_counts_where_it_is_known() -> None:
    scope = Scope(replace(UNKNOWN, run=RunFacts(calls=9)), "user:ann", frozenset())
    (rule,) = parse("p, *, *, */*, call, run.calls < 5, allow, why").rules
    assert not sometimes(rule, scope)
    unknown = Scope(replace(UNKNOWN, run=RunFacts(servers=None)), "user:ann", frozenset())
    (allow, deny) = parse(
        "".join(f"p, *, *, */*, call, 'a' in run.servers, {e}, why\n" for e in ("allow", "deny"))
    ).rules
    assert (sometimes(allow, unknown), always(deny, unknown)) == (False, True)  # of this run, nobody will ever know


@pytest.mark.parametrize(
    ("condition", "depends"),
    [
        ("now.hour < 9", True), ("hour('UTC') < 9", True), ("subject.auth_age < 9", True),
        ("args.hour < 9", False), ("subject.user == 'user:ann'", False), ("run.seconds < 9", False),
    ],
)  # fmt: skip
def test_the_time_alone_changes_some_answers(condition: str, depends: bool) -> None:
    assert depends_on_time(compile_condition(condition)) is depends
