import json

import pytest

from gateway.upstream.auth.grant import MARGIN, Grant

GRANT = Grant("token-x", 1.0, 100.0, "read", "refresh-x", "https://idp", {"client_secret": "hidden"}, {"a": 1}, None)


def test_its_repr_shows_no_secret() -> None:
    assert not [word for word in ("token-x", "refresh-x", "hidden") if word in repr(GRANT)]


def test_it_is_carried_as_a_bearer_token() -> None:
    assert GRANT.headers == {"authorization": "Bearer token-x"}


@pytest.mark.parametrize(("now", "fresh"), [(1, True), (100 - MARGIN - 0.1, True), (100 - MARGIN, False), (200, False)])
def test_it_is_renewed_a_little_before_its_end(now: float, fresh: bool) -> None:
    assert GRANT.fresh(now) is fresh


def test_one_without_an_end_is_fresh_for_ever() -> None:
    assert Grant("x", 1.0).fresh(1e12)


def test_it_goes_through_json_unharmed() -> None:
    assert Grant.from_json(json.loads(json.dumps(GRANT.to_json()))) == GRANT


@pytest.mark.parametrize("value", [{}, {"access_token": "x", "obtained": 1, "more": 2}])
def test_what_is_no_grant_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        Grant.from_json(value)
