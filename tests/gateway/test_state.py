"""What is held back and how long a run has worked are read off its state."""

from gateway.budget import Spend
from gateway.state import CallState, Run


def test_what_is_held_back_is_the_question_and_every_call_in_flight() -> None:
    calls = {key: CallState(key, key, "echo/add", "{}", reserved=Spend(tool_calls=1)) for key in ("a", "b")}
    assert Run("r-1", asked=Spend(tokens=7), calls=calls).reserved == Spend(tokens=7, tool_calls=2)


def test_a_run_has_worked_since_it_last_did_something_and_never_less_than_before() -> None:
    run = Run("r-1", active=1_000, spend=Spend(millis=50))
    assert run.worked(1_200) == 250
    assert run.worked(900) == 50
