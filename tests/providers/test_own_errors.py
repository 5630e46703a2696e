import pytest

from providers import ProviderError
from providers.own_errors import GaveUp, Unsent, was_sent


def test_who_gave_up_says_what_went_wrong_and_how_often_and_does_not_try_again() -> None:
    error = ProviderError("server", "it broke", status=500, retry_after=3.0, request_id="q-1")
    gave_up = GaveUp(error, 4)
    assert (gave_up.kind, str(gave_up)) == ("server", "it broke (attempt 4)")
    assert (gave_up.status, gave_up.retry_after, gave_up.request_id) == (500, 3.0, "q-1")
    assert (error.retryable, gave_up.retryable) == (True, False)
    assert str(GaveUp(error, 1)) == "it broke"


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (ProviderError("server", "x"), True),
        (Unsent("overloaded", "x"), False),
        (GaveUp(ProviderError("server", "x"), 2), True),
        (GaveUp(Unsent("rate_limit", "x"), 2), False),
    ],
)
def test_an_error_says_whether_anything_was_sent(error: ProviderError, sent: bool) -> None:
    assert was_sent(error) is sent
