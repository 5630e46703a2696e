"""Any request that a run can make is one that the APIs take, by the rules that the fake knows of them.

The SDKs' types say what a request may look like (`tests/providers/*/test_encoding.py`); the fake also knows which calls
want which results, which names and schemas are refused, and which fields do not go together.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from providers import Request
from providers.anthropic.encoding import encoded as for_anthropic
from providers.fake.anthropic import ANTHROPIC
from providers.fake.chat import CHAT
from providers.fake.responses import RESPONSES
from providers.fake.wire import Format
from providers.openai_chat.encoding import encoded as for_chat
from providers.openai_chat.encoding import tools_of
from providers.openai_chat.profiles import PROFILES
from providers.openai_responses.encoding import encoded as for_responses
from tests.fixtures.fake import refused
from tests.providers.conversations import ORIGIN, requests

Encode = Callable[[Request], Any]


def _chat(profile: str, model: str) -> Encode:
    """As the endpoint of this profile is asked for this model."""
    known = PROFILES[profile]

    def encode(request: Request) -> Any:
        asked = replace(request, model=model, effort=None if profile == "openai" else request.effort)
        return for_chat(asked, ORIGIN, known, tools_of(asked.tools, known))

    return encode


_WAYS: dict[str, tuple[Format, Encode]] = {
    "anthropic": (ANTHROPIC, lambda request: for_anthropic(request, ORIGIN)),
    "openai_responses": (RESPONSES, lambda request: for_responses(request, ORIGIN)),
    "openai": (CHAT, _chat("openai", "gpt-6-fake")),
    "compatible": (CHAT, _chat("", "fake-model")),
    "openrouter": (CHAT, _chat("openrouter", "fake-model")),
    "gemini": (CHAT, _chat("gemini", "gemini-fake")),
    "mistral": (CHAT, _chat("mistral", "mistral-fake")),
}


@pytest.mark.parametrize("way", _WAYS)
@given(request=requests())
def test_any_request_is_taken(way: str, request: Request) -> None:
    form, encode = _WAYS[way]
    complaint = refused(form, encode(request))
    assert complaint is None, f"{complaint.param}: {complaint.message}"
