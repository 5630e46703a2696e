import pytest

from gateway.cli.policy.counting import counted


@pytest.mark.parametrize(("number", "said"), [(0, "no errors"), (1, "1 error"), (12, "12 errors")])
def test_a_number_stands_with_its_noun(number: int, said: str) -> None:
    assert counted(number, "error") == said
