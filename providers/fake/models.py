"""The list of models, in the form of each API. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from providers.fake.wire import Format

__all__ = ["listed", "one"]

_WHEN = "2026-10-21T00:00:00Z"
_CREATED = 1_792_540_800  # the same


def listed(form: Format, names: Sequence[str]) -> Mapping[str, Any]:
    found = [one(form, name) for name in names]
    if form.name == "anthropic":
        return {"data": found, "has_more": False, "first_id": names[0], "last_id": names[-1]}
    return {"object": "list", "data": found}


def one(form: Format, name: str) -> Mapping[str, Any]:
    if form.name == "anthropic":
        limits = {"max_input_tokens": 200_000, "max_tokens": 64_000}
        return {"type": "model", "id": name, "display_name": name, "created_at": _WHEN, "lifecycle": "active", **limits}
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "toolgate"}
