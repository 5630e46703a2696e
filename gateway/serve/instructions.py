"""What a client is told in the handshake: how to use us, and what each server behind us says of itself. Pure."""

from collections.abc import Mapping

from gateway.offer import About

__all__ = ["OURS", "instructions"]

OURS = (
    "Tools, resources and prompts behind the Toolgate gateway. A call may be denied, or wait for a person's approval:"
    " the answer says so, and what to do."
)
MOST = 8_000  # characters of one server


def instructions(servers: Mapping[str, About]) -> str:
    """Ours, and those of these servers, each under its name."""
    said = {name: about.instructions.strip() for name, about in servers.items()}
    return "\n\n".join([OURS, *(f"# {name}\n\n{_cut(text)}" for name, text in said.items() if text)])


def _cut(text: str) -> str:
    return text if len(text) <= MOST else f"{text[:MOST]} ... (cut)"
