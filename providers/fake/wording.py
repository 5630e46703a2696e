"""How each API words what is wrong with a request. Pure."""

from collections.abc import Sequence

from providers.fake.checks import Refused
from providers.fake.wire import Complaint, Format, Step

__all__ = ["said"]

_CODES = {
    "unknown": "unknown_parameter",
    "missing": "missing_required_parameter",
    "type": "invalid_type",
    "value": "invalid_value",
}


def said(form: Format, refused: Refused) -> Complaint:
    """The refusal as an answer with status 400."""
    return _anthropic(refused) if form.name == "anthropic" else _openai(refused)


def _anthropic(refused: Refused) -> Complaint:
    sentences = {
        "unknown": "Extra inputs are not permitted",
        "missing": "Field required",
        "type": f"Input should be a valid {refused.detail}",
        "value": f"Input {refused.detail}" if refused.detail.startswith("should") else refused.detail,
        "rule": refused.detail,
    }
    return Complaint(400, "invalid", sentences[refused.miss], ".".join(map(str, refused.path)) or None)


def _openai(refused: Refused) -> Complaint:
    param = _param(refused.path)
    sentences = {
        "unknown": f"Unknown parameter: '{param}'.",
        "missing": f"Missing required parameter: '{param}'.",
        "type": f"Invalid type for '{param}': expected {refused.detail}.",
        "value": f"Invalid '{param}': {refused.detail}.",
        "rule": refused.detail,
    }
    code = refused.code or _CODES.get(refused.miss)
    return Complaint(400, "invalid", sentences[refused.miss], param or None, code)


def _param(path: Sequence[Step]) -> str:
    """`('tools', 0, 'name')` -> `tools[0].name`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")
