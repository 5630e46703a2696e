import json
import re

import pytest

from gateway.policy import RunFacts
from gateway.policy.run_words import auth_age, run_facts, said_of, written


def test_facts_are_read_on_top_of_others() -> None:
    assert run_facts("tainted=true, calls=3,usd=0.25,seconds=1.5,tokens=10") == RunFacts(3, 10, 250_000_000, 1500, True)
    assert run_facts("tainted", RunFacts(calls=7)) == RunFacts(calls=7, tainted=True)
    assert run_facts("tainted=no", RunFacts(tainted=True)) == run_facts("") == RunFacts()


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (RunFacts(), ""),
        (RunFacts(3, 10, 250_000_000, 1500, True), "calls=3,tokens=10,usd=0.25,seconds=1.5,tainted=true"),
        (RunFacts(servers=frozenset({"shop", "mail"})), "servers=mail+shop"),
        (RunFacts(calls=12_345_678, servers=None), "calls=12345678,servers=?"),
    ],
)
def test_what_a_run_has_done_is_written_as_it_is_read(run: RunFacts, text: str) -> None:
    assert written(run) == text
    assert run_facts(text) == run
    json.dumps(said_of(run))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("call=3", "there is no fact `call`; did you mean `calls`?"),
        ("calls=many", "`calls=many` can't be read; write `calls=3`"),
        ("calls=-1", "write `calls=3`"),
        ("tainted=perhaps", "write `tainted=true`"),
        ("usd=inf", "write `usd=0.25`"),
        ("seconds=nan", "write `seconds=12`"),
    ],
)
def test_what_is_no_fact_is_told_with_how_to_write_it(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        run_facts(text)


def test_among_them_may_stand_how_long_ago_the_subject_showed_who_he_is() -> None:
    assert auth_age("tainted, auth_age=300,calls=3") == (300.0, "tainted,calls=3")
    assert auth_age("calls=3") == (None, "calls=3")
    for wrong in ("auth_age", "auth_age=-1", "auth_age=long"):
        with pytest.raises(ValueError, match="write `auth_age=300`, in seconds"):
            auth_age(wrong)
    with pytest.raises(ValueError, match="did you mean `auth_age`"):
        run_facts("auth_aeg=3")
