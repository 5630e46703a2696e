from gateway.parties import CallResult, OutOfBudget


def test_what_is_not_recorded_is_a_result_too() -> None:
    paused: CallResult = OutOfBudget(None, "20 questions of this run wait for people already")
    assert isinstance(paused, OutOfBudget)
    assert paused.unit is None
