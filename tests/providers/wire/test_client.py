"""What every SDK's client is made with: no retries, no redirects, nothing that only the environment says."""

from typing import Any

import pytest

from providers import Endpoint, ProviderError
from providers.wire.client import made


class Client:
    """What is left of how it was made."""

    def __init__(self, **how: Any) -> None:
        if "region" in how:
            raise TypeError(f"got an unexpected keyword argument 'region' beside {how['api_key']}")
        self.how = how
        self._custom_headers = {"x-ambient": "from the environment", **how["default_headers"]}


def test_a_client_has_our_http_and_no_retries() -> None:
    how = made(Endpoint("x", headers={"x-more": "1"}, options={"project": "p"}), Client, api_key="hush-hush").how
    assert (how["max_retries"], how["project"], how["default_headers"]) == (0, "p", {"x-more": "1"})
    assert how["http_client"].follow_redirects is False
    assert how["http_client"].timeout.read is None


def test_the_environment_adds_no_headers() -> None:
    client = made(Endpoint("x", headers={"x-more": "1"}), Client)
    assert client._custom_headers == {"x-more": "1"}  # noqa: SLF001


def test_an_option_that_an_sdk_does_not_know_is_a_failure_without_the_key() -> None:
    with pytest.raises(ProviderError, match=r"can't be set up.*region") as failed:
        made(Endpoint("x", "hush-hush", options={"region": "mars"}), Client, api_key="hush-hush")
    assert failed.value.kind == "bad_request"
    assert "hush-hush" not in str(failed.value)
