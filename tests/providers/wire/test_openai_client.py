"""OpenAI's SDK, explicitly: neither keys nor places come from the environment."""

import subprocess
import sys
from typing import Any

import pytest

from providers import Endpoint, ProviderError
from providers.wire.openai_client import openai_client

AMBIENT = {
    "OPENAI_API_KEY": "sk-ambient",
    "OPENAI_BASE_URL": "https://ambient.example",
    "OPENAI_ORG_ID": "org-ambient",
    "OPENAI_PROJECT_ID": "proj-ambient",
    "OPENAI_CUSTOM_HEADERS": "x-ambient: yes",
}


def headers_of(client: Any) -> dict[str, str]:
    return {name.lower(): str(value) for name, value in {**client.default_headers, **client.auth_headers}.items()}


def test_nothing_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in AMBIENT.items():
        monkeypatch.setenv(name, value)
    client = openai_client(Endpoint("openai", "sk-mine", headers={"x-mine": "yes"}))
    headers = headers_of(client)
    assert str(client.base_url) == "https://api.openai.com/v1/"
    assert (headers["authorization"], headers["x-mine"]) == ("Bearer sk-mine", "yes")
    assert not any("ambient" in value for value in headers.values())
    assert "x-ambient" not in headers
    assert client.max_retries == 0


def test_an_organization_is_said_in_the_options() -> None:
    client = openai_client(Endpoint("openai", "sk-mine", options={"organization": "org-1", "project": "proj-1"}))
    assert (client.organization, client.project) == ("org-1", "proj-1")


def test_openai_itself_wants_a_key_and_a_server_of_ones_own_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ambient")
    with pytest.raises(ProviderError, match="no API key") as failed:
        openai_client(Endpoint("openai"))
    assert failed.value.kind == "auth"
    assert (
        headers_of(openai_client(Endpoint("ollama", base_url="http://127.0.0.1:1/v1")))["authorization"]
        == "Bearer none"
    )


def test_azure_is_asked_through_the_sdk_s_own_client() -> None:
    endpoint = Endpoint(
        "azure", "hush", "https://my.openai.azure.com", host="azure", options={"api_version": "2026-01-01"}
    )
    client = openai_client(endpoint)
    assert type(client).__name__ == "AsyncAzureOpenAI"
    assert str(client.base_url) == "https://my.openai.azure.com/openai/"


def test_bedrock_is_asked_through_the_sdk_s_own_client() -> None:
    client = openai_client(Endpoint("bedrock", "hush", host="bedrock", options={"aws_region": "eu-west-1"}))
    assert type(client).__name__ == "AsyncBedrockOpenAI"
    assert "eu-west-1" in str(client.base_url)


def test_vertex_is_asked_through_the_sdk_s_own_provider() -> None:
    options = {"project": "my-project", "location": "europe-west4"}
    client = openai_client(Endpoint("vertex", host="vertex", options=options))
    assert "europe-west4-aiplatform.googleapis.com/v1/projects/my-project" in str(client.base_url)


def test_what_a_host_lacks_is_said() -> None:
    with pytest.raises(ProviderError, match=r"can't be set up.*api_version"):
        openai_client(Endpoint("azure", "hush", "https://my.openai.azure.com", host="azure"))


@pytest.mark.parametrize("module", ["providers.openai_chat", "providers.openai_responses", "providers.anthropic"])
def test_no_sdk_is_loaded_before_it_is_used(module: str) -> None:
    code = f"import sys, {module}; print({{'anthropic', 'openai'}} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout == "set()\n"
