from gateway.parties import CallSettings


def test_without_a_word_about_it_nothing_is_repeated_and_a_call_has_a_minute() -> None:
    assert CallSettings() == CallSettings(timeouts={}, timeout=60.0, approval_seconds=604_800.0, safe_to_repeat=())
