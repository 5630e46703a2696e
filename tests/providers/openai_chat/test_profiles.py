"""How compatible endpoints deviate: a table whose words are known."""

from urllib.parse import urlsplit

import pytest

from providers.openai_chat import PROFILES, Profile


@pytest.mark.parametrize("name", [name for name in PROFILES if name])
def test_a_profile_knows_where_its_endpoint_is_found(name: str) -> None:
    url = urlsplit(PROFILES[name].base_url or "")
    assert url.scheme == ("http" if url.hostname == "localhost" else "https")
    assert bool(PROFILES[name].key) == (url.hostname != "localhost")


def test_what_says_nothing_is_what_nearly_all_take() -> None:
    assert PROFILES[""] == Profile()
    assert Profile().base_url is None


def test_only_gemini_has_its_own_signatures_and_schemas() -> None:
    assert [name for name, profile in PROFILES.items() if profile.signatures or profile.reduced] == ["gemini"]
