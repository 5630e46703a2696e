"""Makers of models that have ways of their own in Chat Completions, known by the names of their models. Pure."""

import hashlib
import re

from providers.fake.seals import signature

__all__ = ["NINE", "SKIPPED", "call_id", "maker", "thought_signature"]

NINE = re.compile(r"[a-zA-Z0-9]{9}")  # Mistral's ids
SKIPPED = "skip_thought_signature_validator"  # Google's word in a call that another model made

_MAKERS = ("gemini", "mistral")


def maker(model: str) -> str:
    """`gemini`, `mistral`, or nothing in particular."""
    return next((name for name in _MAKERS if model.startswith(name)), "")


def call_id(model: str, given: str) -> str:
    """The id of a call as this maker's models have them."""
    if maker(model) == "mistral":
        return hashlib.sha256(given.encode()).hexdigest()[:9]
    return f"call_{given}"


def thought_signature(given: str) -> str:
    """What Gemini signs a call with."""
    return signature(f"call {given}")
