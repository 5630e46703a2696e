"""`toolgate policy`: what admins do with their policy. Each command is a module, loaded when it is called."""

from collections.abc import Mapping

from gateway.cli.lazy import Lazy

__all__ = ["COMMANDS", "policy_command"]

COMMANDS: Mapping[str, tuple[str, str]] = {
    "can": ("policy.can", "Say what somebody may call: every tool, and what it depends on."),
    "check": ("policy.check", "Look over policy and budgets: one line for each finding."),
    "explain": ("policy.explain", "Say what the policy decides and why."),
    "fmt": ("policy.formatting", "Align the columns of policy files; what they mean stays."),
    "suggest": ("policy.suggest", "Print the narrowest lines that would have allowed what was denied."),
    "who-can": ("policy.who_can", "Say who may use a tool, and what it depends on."),
    "test": ("policy.testing", "Put the policy's own tests to it."),
}

policy_command = Lazy(COMMANDS, name="policy", help="Check, test and explain the policy.")
