import pytest

from gateway.config.model_names import ModelName, chained, direct, in_row

ENDPOINTS = {
    "anthropic": "anthropic",
    "openai": "openai",
    "ollama": "compatible",
    "azure": "openai",
    "lab": "compatible",
    "claude-at-google": "anthropic",
}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("anthropic:claude-x", ModelName("anthropic", "claude-x", "anthropic")),
        ("openai:gpt-x", ModelName("openai", "gpt-x", "openai")),
        ("openai:gpt-x@azure", ModelName("openai", "gpt-x", "azure")),
        ("anthropic:claude-x@20261021", ModelName("anthropic", "claude-x@20261021", "anthropic")),
        ("anthropic:claude-x@latest", ModelName("anthropic", "claude-x@latest", "anthropic")),
        (
            "anthropic:claude-x@20261021@claude-at-google",
            ModelName("anthropic", "claude-x@20261021", "claude-at-google"),
        ),
        ("openai:@cf/meta/llama", ModelName("openai", "@cf/meta/llama", "openai")),
        ("compatible:@cf/meta/llama@lab", ModelName("compatible", "@cf/meta/llama", "lab")),
        ("compatible:qwen3:8b@ollama", ModelName("compatible", "qwen3:8b", "ollama")),
        ("compatible:org/model@7@lab", ModelName("compatible", "org/model@7", "lab")),
        ("demo", None),
    ],
)
def test_a_name_says_which_model_and_where(text: str, meant: ModelName | None) -> None:
    assert direct(text, ENDPOINTS) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("antropic:claude-x", "there is no provider `antropic`; did you mean `anthropic`?"),
        ("anthropic:", "`anthropic:` names no model: write `anthropic:NAME`"),
        ("compatible:@lab", "`compatible:@lab` names no model: write `compatible:NAME`"),
        (
            "compatible:q",
            "`compatible:q` does not say where it is served: write `compatible:q@ENDPOINT`; known: `lab`, `ollama`",
        ),
        ("compatible:qwen3@olama", "there is no endpoint `olama`; did you mean `ollama`?"),
        ("compatible:qwen3@nowhere", "there is no endpoint `nowhere`; "),
        ("openai:gpt-x@azur", "there is no endpoint `azur`; did you mean `azure`?; if `@azur` is part of the model's "),
        ("anthropic:claude-x@nowhere", "there is no endpoint `nowhere`; known: "),
        ("compatible:q@latest", "`compatible:q@latest` does not say where it is served"),
        ("compatible:gpt-x@azure", "the endpoint `azure` speaks `openai`: write `openai:gpt-x@azure`"),
        ("anthropic:claude-x@lab", "the endpoint `lab` speaks `compatible`: write `compatible:claude-x@lab`"),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_one(text: str, said: str) -> None:
    with pytest.raises(ValueError) as wrong:  # noqa: PT011 - the text is compared
        direct(text, ENDPOINTS)
    assert str(wrong.value).startswith(said)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("demo", ("demo",)),
        ("anthropic:a, openai:b", ("anthropic:a", "openai:b")),
        ("anthropic:a,fast,gpt-4.1", ("anthropic:a", "fast", "gpt-4.1")),
        ("scripted:/tmp/a,b/talk.yaml", ("scripted:/tmp/a,b/talk.yaml",)),
        ("scripted:/tmp/a.yaml,scripted:/tmp/b.yaml", ("scripted:/tmp/a.yaml", "scripted:/tmp/b.yaml")),
    ],
)
def test_several_names_stand_in_a_row(text: str, names: tuple[str, ...]) -> None:
    assert in_row(text) == names
    assert in_row(chained(names)) == names
