"""How OpenAI-compatible endpoints deviate from OpenAI's Chat Completions, and from each other. Pure: a table."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from providers.wire.turns import COMMON, NINE, Ids

__all__ = ["PROFILES", "Profile"]


_COMMON_EFFORTS: Mapping[str, str] = MappingProxyType({"minimal": "low", "xhigh": "high", "max": "high"})


@dataclass(frozen=True, slots=True)
class Profile:
    """What an endpoint takes. The defaults are what nearly all of them take.

    `base_url` and `key` (the environment variable that usually holds it) are where it is found without more words.
    `limit` names the field of the longest reply; `usage` says that tokens are told when `stream_options` ask for them;
    `any` is the word for "it must call a tool", empty if there is none; `named` that one tool can be demanded;
    `effort` the field for how much is thought, `efforts` other words for what it has none for; `form` what an answer's
    schema is given as; `thoughts` the field in which what was thought goes back; `signatures` that calls carry
    Gemini's, `reduced` that its part of JSON Schema is all that is known, `costs` that a reply tells its price, `turns`
    that the assistant speaks between a tool and the user. Models of `thinks_or_calls` may not think when they have
    tools.
    """

    base_url: str | None = None
    key: str = ""
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    system: Literal["system", "developer"] = "system"
    usage: bool = True
    any: Literal["required", ""] = "required"
    named: bool = True
    parallel: bool = False
    strict: bool = False
    effort: Literal["reasoning_effort", "reasoning", ""] = ""
    efforts: Mapping[str, str] = field(default_factory=lambda: _COMMON_EFFORTS)
    form: Literal["json_schema", "json_object", ""] = "json_schema"
    images: bool = True
    files: bool = False
    ids: Ids = COMMON
    reduced: bool = False
    thoughts: Literal["reasoning_content", "reasoning_details", ""] = ""
    signatures: bool = False
    cache_key: bool = False
    costs: bool = False
    turns: bool = False
    thinks_or_calls: re.Pattern[str] | None = None


_OPENAI = Profile(
    "https://api.openai.com/v1",
    "OPENAI_API_KEY",
    limit="max_completion_tokens",
    system="developer",
    parallel=True,
    strict=True,
    effort="reasoning_effort",
    efforts={},
    files=True,
    cache_key=True,
    thinks_or_calls=re.compile(r"gpt-(5\.[4-9]|[6-9]|\d\d)"),
)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "": Profile(),
        "openai": _OPENAI,
        "ollama": Profile("http://localhost:11434/v1", any="", named=False, effort="reasoning_effort"),
        "vllm": Profile("http://localhost:8000/v1", parallel=True),
        "llamacpp": Profile("http://localhost:8080/v1", parallel=True),
        "lmstudio": Profile("http://localhost:1234/v1", named=False),
        "groq": Profile(
            "https://api.groq.com/openai/v1",
            "GROQ_API_KEY",
            limit="max_completion_tokens",
            parallel=True,
            effort="reasoning_effort",
        ),
        "openrouter": Profile(
            "https://openrouter.ai/api/v1",
            "OPENROUTER_API_KEY",
            parallel=True,
            effort="reasoning",
            efforts={"max": "xhigh"},
            files=True,
            thoughts="reasoning_details",
            costs=True,
        ),
        "gemini": Profile(
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "GEMINI_API_KEY",
            effort="reasoning_effort",
            reduced=True,
            signatures=True,
        ),
        "deepseek": Profile(
            "https://api.deepseek.com",
            "DEEPSEEK_API_KEY",
            form="json_object",
            images=False,
            thoughts="reasoning_content",
        ),
        "mistral": Profile(
            "https://api.mistral.ai/v1", "MISTRAL_API_KEY", usage=False, parallel=True, ids=NINE, turns=True
        ),
        "xai": Profile(
            "https://api.x.ai/v1",
            "XAI_API_KEY",
            limit="max_completion_tokens",
            parallel=True,
            effort="reasoning_effort",
        ),
        "together": Profile("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
        "fireworks": Profile("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
        "cerebras": Profile(
            "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", limit="max_completion_tokens", parallel=True, images=False
        ),
        "moonshot": Profile(
            "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", any="", named=False, thoughts="reasoning_content"
        ),
    }
)
