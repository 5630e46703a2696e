"""A backend that repeats the API key that it was sent, in an error or in a reply (the fault `repeat-key`). Pure."""

from dataclasses import replace

from providers import Reply, Text, Thinking
from providers.scripted.faults import Fault

__all__ = ["repeated", "with_key"]


def with_key(fault: Fault | None, key: str) -> Fault | None:
    """The fault with the words in which it repeats the key. Any other is what it is."""
    if fault is None or fault.kind != "repeat-key":
        return fault
    return replace(fault, settings={**fault.settings, "message": f"Incorrect API key provided: {key}."})


def repeated(reply: Reply, fault: Fault | None) -> Reply:
    """The reply, which says so before all else but what was thought."""
    if fault is None or fault.kind != "repeat-key":
        return reply
    parts = reply.message.parts
    at = next((place for place, part in enumerate(parts) if not isinstance(part, Thinking)), len(parts))
    said = Text(f"{fault.settings['message']} ")
    return replace(reply, message=replace(reply.message, parts=(*parts[:at], said, *parts[at:])))
