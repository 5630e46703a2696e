"""What an agent is: instructions, a model, and the tools that it may see. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Agent"]


@dataclass(frozen=True, slots=True)
class Agent:
    """`tools` are globs of `server/tool`: what the model is shown. What it may call is the policy's affair."""

    name: str
    instructions: str = ""
    model: str = ""
    tools: Sequence[str] = ("*/*",)
    max_output_tokens: int = 4096

    @property
    def subject(self) -> str:
        """As policies name it: `agent:support`."""
        return f"agent:{self.name}"
