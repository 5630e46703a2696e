"""Words that are aimed at the model and not at its user, as RE2 patterns without regard to case. Pure.

A short list of what published attacks have in common, worded narrowly: a description may well say what to call first
or what not to do. It is a guess in both directions; docs/trust.md lists it. Sources: Invariant Labs, "MCP Security
Notification: Tool Poisoning Attacks" (2025); OWASP MCP Top 10 (2025), MCP03 and MCP06.
"""

from gateway.screens.finding import Severity

__all__ = ["INSTRUCTIONS"]

_NEAR = r"[^.!?\n]{0,20}?"  # within the sentence
_GAP = r"[^.!?\n]{0,40}?"

_FORGET = r"\b(?:ignore|disregard|forget|override)"
_BEFORE = r"\b(?:previous|prior|above|earlier|preceding|all)"
_RULES = r"\b(?:instructions?|rules|prompts?|guidelines)\b"
_NOT = r"\b(?:do not|don't|never|without)\b"
_TELL = r"\b(?:tell(?:ing)?|inform(?:ing)?|mention(?:ing)?|notify(?:ing)?|alert(?:ing)?|reveal(?:ing)?)\b"
_SAY = r"\b(?:reveal|print|repeat|output|show|include|send)\b"
_TOLD = r"\b(?:system prompt|system message|conversation history|chat history)\b"

_SPEAKERS = (
    r"<\|im_(?:start|end)\|>",
    r"\[/?INST\]",
    r"<<SYS>>",
    r"<\s*/?\s*(?:system|important|instructions?|secret|admin|sys)\s*>",
)
_SECRETS = (
    r"~/\.ssh\b",
    r"\bid_(?:rsa|ed25519)\b",
    r"\.aws/credentials\b",
    r"/etc/(?:passwd|shadow)\b",
    r"~/\.cursor/mcp\.json",
    r"\.config/gcloud\b",
    r"\.kube/config\b",
)

INSTRUCTIONS: tuple[tuple[str, Severity], ...] = (
    (f"{_FORGET}{_GAP}{_BEFORE}{_GAP}{_RULES}", "high"),  # to throw away what the model was told
    (rf"{_NOT}{_NEAR}{_TELL}{_GAP}\buser\b", "high"),  # to keep something from the user
    (rf"{_SAY}{_NEAR}\b(?:your|the)\b{_NEAR}{_TOLD}", "high"),  # to say what the model was told
    ("|".join(_SPEAKERS), "medium"),  # the marks of another speaker, as chat templates or attacks write them
    ("|".join(_SECRETS), "medium"),  # files that hold secrets
    (rf"\b(?:instead of|rather than)\b{_NEAR}\bother\b{_NEAR}\btools?\b", "low"),  # to be preferred to others
)
