"""What is asked, and where: what may be shown of it."""

from providers import Endpoint, Request


def test_an_endpoint_shows_no_secret() -> None:
    endpoint = Endpoint("openai", "sk-secret", headers={"x-key": "hidden"}, options={"token": "covert"})
    assert "openai" in repr(endpoint)
    assert not any(secret in repr(endpoint) for secret in ("sk-secret", "hidden", "covert"))


def test_a_request_has_deadlines_though_nobody_set_any() -> None:
    deadlines = Request("m", "", []).deadlines
    assert 0 < deadlines.first <= deadlines.total
    assert 0 < deadlines.between <= deadlines.total
