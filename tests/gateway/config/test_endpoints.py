import pytest
from pydantic import ValidationError

from gateway.config.endpoints import BUILT_IN, EndpointConfig, languages, served
from providers.openai_chat.profiles import PROFILES


def said(**keys: object) -> EndpointConfig:
    return EndpointConfig.model_validate(keys)


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_is_built_in_needs_no_table(name: str) -> None:
    found = served(name, {})
    assert found.provider == languages({})[name]
    assert (found.base_url is None) == (name in ("anthropic", "openai"))
    assert found.system
    assert found.key


def test_a_table_changes_of_a_built_in_endpoint_what_it_says() -> None:
    found = served("ollama", {"ollama": said(base_url="http://gpu:11434/v1", requests_per_minute=6)})
    assert (found.base_url, found.profile, found.free, found.key_needed) == (
        "http://gpu:11434/v1", "ollama", True, False,
    )  # fmt: skip
    assert found.said.requests_per_minute == 6
    assert served("groq", {"groq": said(base_url="http://proxy/v1")}).prices is None  # whoever that is


def test_an_endpoint_of_ones_own_is_compatible_unless_it_says_otherwise_and_its_key_is_needed_if_it_names_one() -> None:
    lab = served("lab", {"lab": said(base_url="http://gpu:8000/v1", profile="vllm")})
    assert (lab.provider, lab.profile, lab.key, lab.key_needed, lab.free) == ("compatible", "vllm", None, False, False)
    azure = served(
        "azure", {"azure": said(provider="openai", base_url="https://x.example/v1", api_key_env="AZURE_KEY")}
    )
    assert (azure.provider, azure.key, azure.key_needed, azure.system) == ("openai", "AZURE_KEY", True, "azure")
    bedrock = served("aws", {"aws": said(provider="anthropic", host="bedrock", options={"region": "eu-west-1"})})
    assert (bedrock.key_needed, bedrock.system) == (False, "aws.bedrock")
    moved = served("anthropic", {"anthropic": said(host="bedrock", options={"region": "eu-west-1"})})
    assert moved.key is None  # Anthropic's key is nothing for AWS


def test_nobody_knows_an_endpoint_that_nobody_describes() -> None:
    with pytest.raises(KeyError):
        served("lab", {})


@pytest.mark.parametrize("key", ["sk-hunter2hunter2", "AKIAHUNTER2HUNTER2", "ghp_hunter2hunter2", "not a name"])
def test_a_key_in_place_of_its_variable_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        said(api_key_env=key)
    assert "hunter2" not in str(wrong.value).lower()


def test_a_profile_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="there is no profile `olama`; did you mean `ollama`"):
        said(profile="olama")


def test_a_variable_may_have_a_long_name() -> None:
    assert said(api_key_env="MY_COMPANYS_ANTHROPIC_API_KEY_NUMBER_2").api_key_env


@pytest.mark.parametrize("name", [name for name, known in BUILT_IN.items() if known.provider == "compatible"])
def test_what_is_built_in_is_where_its_profile_says(name: str) -> None:
    profile, found = PROFILES[name], served(name, {})
    assert found.profile == name
    assert found.base_url == profile.base_url
    assert not profile.key or found.key == profile.key


def test_every_profile_is_built_in() -> None:
    assert set(PROFILES) - {"", "openai"} == {
        name for name, known in BUILT_IN.items() if known.provider == "compatible"
    }
