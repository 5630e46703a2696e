import json

import pytest

from providers.fake.line import Received
from providers.fake.routes import lacks_key, routed

_KEY = {"authorization": "Bearer k"}
_VERSION = {"anthropic-version": "2026-10-21"}


def _received(path: str, headers: dict[str, str], method: str = "POST", model: str = "gpt-6") -> Received:
    return Received(method, path, headers, json.dumps({"model": model}).encode())


@pytest.mark.parametrize(
    ("path", "form", "counting"),
    [
        ("/v1/messages", "anthropic", False),
        ("/v1/messages/count_tokens", "anthropic", True),
        ("/v1/responses", "responses", False),
        ("/v1/responses/input_tokens", "responses", True),
        ("/v1/chat/completions", "chat", False),
    ],
)
def test_a_path_has_its_format(path: str, form: str, counting: bool) -> None:
    route = routed(_received(path, {}))
    assert (route.form.name, route.counting, route.models, route.complaint) == (form, counting, False, None)


def test_the_list_of_models_has_the_form_that_the_headers_speak_for() -> None:
    assert routed(_received("/v1/models", _VERSION, "GET")).form.name == "anthropic"
    assert routed(_received("/v1/models/m", {}, "GET")).form.name == "chat"
    assert routed(_received("/v1/models", {}, "GET")).models


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/messages", 405), ("POST", "/v1/embeddings", 404)])
def test_what_is_not_there_is_refused(method: str, path: str, status: int) -> None:
    complaint = routed(_received(path, {}, method)).complaint
    assert complaint is not None
    assert complaint.status == status


@pytest.mark.parametrize(
    ("path", "headers", "model", "status"),
    [
        ("/v1/messages", _KEY | _VERSION, "m", None),
        ("/v1/messages", {"x-api-key": "k"} | _VERSION, "m", None),
        ("/v1/messages", _VERSION, "m", 401),
        ("/v1/messages", {"authorization": "Basic k"} | _VERSION, "m", 401),
        ("/v1/messages", _KEY, "m", 400),
        ("/v1/messages", _KEY | {"anthropic-version": "2020-01-01"}, "m", 400),
        ("/v1/responses", {}, "m", 401),
        ("/v1/chat/completions", {}, "gpt-6", 401),
        ("/v1/chat/completions", {}, "qwen", None),
        ("/v1/chat/completions", _KEY, "gpt-6", None),
    ],
)
def test_a_key_is_wanted_except_of_servers_that_only_speak_like_openais(
    path: str, headers: dict[str, str], model: str, status: int | None
) -> None:
    received = _received(path, headers, model=model)
    complaint = lacks_key(received, routed(received))
    assert (complaint and complaint.status) == status


def test_a_body_that_is_not_json_has_no_model() -> None:
    received = Received("POST", "/v1/chat/completions", {}, b"[")
    assert lacks_key(received, routed(received)) is None
