"""What may stand in `extra`: what our own requests don't say, and what does not go round us."""

from collections.abc import Callable
from datetime import date
from math import inf, nan
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.config.endpoints import EndpointConfig
from gateway.config.extra_fields import misplaced
from providers import Endpoint, Request, Text, ToolSpec
from providers.anthropic.encoding import encoded as messages
from providers.message import Message
from providers.openai_chat.encoding import encoded as chat
from providers.openai_chat.encoding import tools_of
from providers.openai_chat.profiles import PROFILES
from providers.openai_responses.encoding import encoded as responses

TOOL = ToolSpec("look", "Looks.", {"type": "object", "properties": {}})
EVERYTHING = Request(
    "m",
    "Be brief.",
    [Message("user", (Text("Go."),))],
    [TOOL],
    tool_choice="any",
    parallel=False,
    effort="low",
    output_schema={"type": "object", "properties": {}},
    cache_key="k",
)
STOPPING = Request("m", "Be brief.", [Message("user", (Text("Go."),))], stop=["END"])


def _chat(request: Request) -> dict[str, Any]:
    bodies = [chat(request, "it", one, tools_of(request.tools, one)) for one in PROFILES.values()]
    return {name: value for body in bodies for name, value in body.items() if name != "reasoning"}  # OpenRouter's


def _responses(request: Request) -> dict[str, Any]:
    return {} if request.stop else responses(request, "it")


def _messages(request: Request) -> dict[str, Any]:
    return messages(request, "it")


@pytest.mark.parametrize(
    ("language", "encode"), [("compatible", _chat), ("openai", _responses), ("anthropic", _messages)]
)
def test_whatever_our_own_requests_say_is_refused(language: str, encode: Callable[[Request], dict[str, Any]]) -> None:
    said = {**encode(EVERYTHING), **encode(STOPPING)}
    assert dict(misplaced(said, language)).keys() == said.keys()


@pytest.mark.parametrize("name", ["mcp_servers", "previous_response_id", "n"])
def test_what_would_go_round_the_gateway_is_refused(name: str) -> None:
    ((found, why),) = misplaced({name: 1}, "anthropic")
    assert (found, why) == (name, f"`{name}` would go round the gateway")


def test_what_is_the_endpoints_own_is_not() -> None:
    own = {"temperature": 0.2, "seed": 7, "provider": {"order": ["a"]}, "chat_template_kwargs": {"thinking": False}}
    assert list(misplaced(own, "compatible")) == []


@pytest.mark.parametrize("value", [date(2026, 11, 26), nan, inf, [{"a": -inf}]])
def test_what_json_does_not_have_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="`x` has a value that JSON does not have"):
        EndpointConfig.model_validate({"extra": {"x": value}})


def test_what_json_has_is_taken_as_it_is() -> None:
    extra = {"a": 1, "b": 0.5, "c": "x", "d": [True, {"e": "f"}]}
    assert EndpointConfig.model_validate({"extra": extra}).extra == extra
    assert Endpoint("x", extra=extra).extra == extra
