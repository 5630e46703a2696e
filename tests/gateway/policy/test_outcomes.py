from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.compiler import compile_condition
from gateway.policy.logic import UNDECIDED
from gateway.policy.outcomes import EVERYTHING, outcomes
from gateway.policy.scope import ROOTS, Query, Scope
from tests.fixtures.policies import a_query, a_tool, queries

_NUMBER = st.sampled_from(["-1", "0", "5", "5.5", "10"])
_TEXT = st.sampled_from(["''", "'a'", "'ab'", "'b'"])
_PATH = st.sampled_from(["args.amount", "args.kind", "args.flag"])
_SIGN = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
_LEAF = st.one_of(
    st.builds("{} {} {}".format, _PATH, _SIGN, st.one_of(_NUMBER, _TEXT)),
    st.builds("{} {} {}".format, _NUMBER, _SIGN, _PATH),
    st.builds("{} < {} <= {}".format, _NUMBER, _PATH, _NUMBER),
    st.builds("{} in [{}, {}]".format, _PATH, _NUMBER, _TEXT),
    st.builds("{} == {}".format, _PATH, st.sampled_from(["null", "true", "[5]", "args.kind"])),
    st.builds("has({})".format, _PATH),
    st.builds("len({}) > {}".format, _PATH, _NUMBER),
    st.builds("matches({}, 'a*')".format, _PATH),
    st.sampled_from(["tool.read_only", "run.tainted", "args.flag", "'a' in args.kind", "now.hour > 11"]),
    st.sampled_from(["hour('Europe/Berlin') > 11", "'mail' in run.servers", "run.servers == ['mail']"]),
    st.sampled_from(["subject.auth_age < 900", "before(args.kind, '2026-12-31')", "weekday('UTC') == 'sat'"]),
)
conditions = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=4,
)


def scope_of(query: Query) -> Scope:
    return Scope(query, query.subject.user, frozenset())


@settings(max_examples=400)
@given(conditions, queries())
def test_an_answer_that_comes_out_is_one_that_can(text: str, query: Query) -> None:
    condition = compile_condition(text)
    answer = condition.test(scope_of(query))
    assert answer in outcomes(condition)
    assert answer in outcomes(condition, scope_of(query), {"args"})
    assert outcomes(condition, scope_of(query), frozenset()) == {answer}


def test_what_is_known_narrows_what_can_come_out() -> None:
    condition = compile_condition("tool.read_only and args.amount > 5")
    reading, writing = a_tool("shop/x", readOnlyHint=True), a_tool("shop/x", readOnlyHint=False)
    assert outcomes(condition, scope_of(a_query(tool=reading)), {"args"}) == EVERYTHING
    assert outcomes(condition, scope_of(a_query(tool=writing)), {"args"}) == {False}


def test_what_can_never_be_true_is_seen_and_what_is_too_much_to_try_may_be_anything() -> None:
    assert outcomes(compile_condition("args.a > 5 and args.a < 3")) == {False, UNDECIDED}
    assert outcomes(compile_condition("args.a > 5 or args.a <= 5")) == {True, UNDECIDED}
    many = " and ".join(f"args.a{number} > {number}" for number in range(12))
    assert outcomes(compile_condition(f"{many} and 1 == 2")) == EVERYTHING
    assert ROOTS[0] == "args"
