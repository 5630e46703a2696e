"""How backends fail: which failures pass by themselves."""

from typing import get_args

import pytest

from providers import ProviderError, ProviderErrorKind, Usage

PASSING = {"rate_limit", "overloaded", "server", "timeout", "network", "protocol"}


@pytest.mark.parametrize("kind", get_args(ProviderErrorKind))
def test_a_failure_may_be_tried_again_only_if_time_can_mend_it(kind: ProviderErrorKind) -> None:
    assert ProviderError(kind, "no").retryable == (kind in PASSING)


def test_a_failure_says_what_the_backend_told_of_it() -> None:
    error = ProviderError("rate_limit", "too fast", status=429, retry_after=1.5, request_id="req_1")
    assert (str(error), error.status, error.retry_after, error.request_id) == ("too fast", 429, 1.5, "req_1")


def test_all_tokens_are_those_that_were_read_and_those_that_were_written() -> None:
    assert Usage(input=10, output=4, cache_read=8, reasoning=3).total == 14
