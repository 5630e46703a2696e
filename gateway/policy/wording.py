"""The closed lists of words of the policy files. Pure."""

from typing import Literal

__all__ = ["ACTIONS", "EFFECTS", "GROUPS", "PREFIXES", "SHRUNK", "Action", "Effect"]

Effect = Literal["allow", "ask", "deny"]
Action = Literal["call", "list", "read", "get", "subscribe", "complete", "approve", "admin"]

EFFECTS: tuple[Effect, ...] = ("allow", "ask", "deny")
ACTIONS: tuple[Action, ...] = ("call", "list", "read", "get", "subscribe", "complete", "approve", "admin")
PREFIXES = ("user", "agent", "team", "role")
GROUPS = ("team", "role")  # what others can be members of
SHRUNK = "# policy: shrunk on purpose"  # how such a comment begins: see `taking`
