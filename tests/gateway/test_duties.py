"""Several duties at once are the strictest of each."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.duties import Duties, strictest
from gateway.policy.obligations import parse_duties

_AMOUNT = st.none() | st.integers(1, 1000)
duties = st.builds(
    Duties,
    redact=st.lists(st.sampled_from(["ssn", "iban", "*_token"]), unique=True).map(tuple),
    secrets=st.booleans(),
    max_result_bytes=_AMOUNT,
    seconds=_AMOUNT.map(lambda amount: None if amount is None else float(amount)),
    dry_run=st.booleans(),
    needs=st.integers(1, 4),
    escalate=st.none() | st.tuples(st.sampled_from(["role:boss", "role:cfo"]), st.sampled_from([60.0, 7200.0])),
    remember=st.sampled_from([None, False]),
)


def test_nothing_at_all_is_no_duty() -> None:
    assert strictest([]) is None


def test_the_shortest_time_and_the_smallest_size_count_and_all_that_anybody_redacts() -> None:
    one = Duties(("ssn",), max_result_bytes=100, seconds=5.0, rules=("p.csv:1",))
    other = Duties(("iban", "ssn"), secrets=True, max_result_bytes=900, rules=("p.csv:2",))
    both = Duties(("ssn", "iban"), secrets=True, max_result_bytes=100, seconds=5.0, rules=("p.csv:1", "p.csv:2"))
    assert strictest([one, other]) == both
    assert both.redacts


def test_what_is_recorded_names_only_what_there_is() -> None:
    assert Duties(dry_run=True).to_json() == {"dry_run": True}
    full = Duties(("ssn",), secrets=True, max_result_bytes=10, seconds=2.5)
    assert full.to_json() == {"redact": ["ssn", "@secrets"], "max_result_bytes": 10, "timeout": 2.5}


def test_it_is_said_as_it_would_be_written() -> None:
    full = Duties(("ssn",), secrets=True, max_result_bytes=10, seconds=2.5, dry_run=True)
    assert str(full) == "redact=ssn @secrets; max_result_bytes=10 B; timeout=2.5 s; dry_run"
    assert parse_duties(str(full)) == full


@given(st.lists(duties, min_size=1, max_size=4), duties)
def test_one_duty_more_never_allows_more(few: list[Duties], more: Duties) -> None:
    before, after = strictest(few), strictest([*few, more])
    assert before is not None
    assert after is not None
    assert set(before.redact) <= set(after.redact)
    assert not before.secrets or after.secrets
    assert not before.dry_run or after.dry_run
    assert before.max_result_bytes is None or (after.max_result_bytes or 10**9) <= before.max_result_bytes
    assert before.seconds is None or (after.seconds or 10**9) <= before.seconds
    assert before.needs <= after.needs
    assert before.remember is None or after.remember is False


def test_what_is_wanted_of_an_answer_is_said_as_it_would_be_written() -> None:
    asking = Duties(needs=2, escalate=("role:manager", 7200.0), remember=False)
    assert str(asking) == "needs=2; escalate=role:manager@7200 s; remember=no"
    assert parse_duties(str(asking)) == asking
    assert strictest([asking, Duties(needs=3, escalate=("role:cfo", 60.0), remember=True)]) == Duties(
        needs=3, escalate=("role:cfo", 60.0), remember=False
    )
