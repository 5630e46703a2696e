from gateway.policy.lint.reality import People, Reality


def test_nothing_is_known_until_it_is_said() -> None:
    assert Reality() == Reality(None, None)
    assert People() == People(frozenset(), frozenset(), closed=False)
