"""What `toolgate policy check` looks for: every rule by its stable name, and how a finding is made. Pure.

The names are public: comments in policy files, SARIF and scripts say them.
"""

from collections.abc import Mapping

from gateway.errors import Problem
from gateway.policy.rows import Grant, Rule

__all__ = [
    "ACTION", "CONDITION", "DUTIES", "EFFECT", "ERRORS", "OBJECT", "RULES", "TENANT", "WHO", "of_error", "warning",
]  # fmt: skip

WHO, TENANT, OBJECT, ACTION, CONDITION, EFFECT = range(1, 7)  # the cells of a `p` line
DUTIES = EFFECT  # where an `o` line has them

ERRORS: Mapping[str, str] = {
    "invalid-policy": "a line, or the model, can't be read; the policy is not used",
    "invalid-budget": "budgets.toml can't be read, or says something doubtful",
    "invalid-tests": "a case of the policy's own tests can't be read, or there is none (with --tests)",
    "failing-test": "a case of the policy's own tests does not get what it expects (with --tests)",
}
RULES: Mapping[str, str] = {
    "unknown-role": "a role or a team that nobody has, here or in this tenant",
    "unused-role": "a role or a team that somebody has and no line names",
    "unknown-member": "a user or an agent that no API key, no run and no configuration knows",
    "unknown-tenant": "a tenant that no `g` line, no API key, no run and no configuration knows",
    "unknown-server": "a server that is not connected",
    "unknown-tool": "a pattern that matches no tool",
    "unknown-model": "a model that toolgate.toml does not have",
    "unknown-argument": "an argument that a tool's input schema does not have",
    "wrong-type": "an argument is compared with a value that its input schema does not allow it to be",
    "unknown-value": "an argument is compared with a value that the schema's `enum` does not have",
    "impossible-value": "a name is compared with a text that is written otherwise than such names are",
    "never-decides": "another line says the same of all that this line matches, or overrules it",
    "ask-without-allow": "an `ask` line about what no line allows; `ask` only restricts",
    "duty-without-allow": "an `o` line about what no line allows; `o` only obliges",
    "duty-without-ask": "an `o` line about the answers of people, and no line asks them; only a budget might",
    "idle-duty": "a duty that another one of the same line leaves nothing to do",
    "duplicate": "a line that stands twice, perhaps in other words",
    "never-true": "a condition that no values make true",
    "always-true": "a condition that all values make true",
    "only-above": "an `allow` line bounds a number from above only, so that it also allows negative ones",
    "everybody": "everybody may do everything on a server",
    "everybody-destructive": "everybody may call a tool that destroys, and nobody is asked",
    "unguarded-destructive": "a tool that destroys may be called, and no line asks or denies",
    "untested-line": "a line that asks or denies, and no case of the policy's own tests expects it to (with --tests)",
    "unknown-rule": "a comment that ignores a rule that there is not",
    "custom-model": "a model.conf that is not the shipped one: Casbin's own engine decides",
    "no-tenants": "a model.conf that does not look at tenants",
    "open-file": "a policy file that anybody on this machine may change",
}


def warning(row: Rule | Grant, place: int | tuple[int, str], rule: str, message: str, hint: str = "") -> Problem:
    """A finding in one cell of a line, or about a text that stands in it."""
    cell, about = place if isinstance(place, tuple) else (place, "")
    column = row.columns[cell] if cell < len(row.columns) else 1
    if about and isinstance(row, Rule) and row.columns:
        start = column - row.columns[0]  # `text` begins where the first cell does
        found = row.text.find(about, max(0, start))
        column = found + row.columns[0] if found >= 0 else column
    return Problem(row.file, row.line, column, message, hint, "warning", rule)


def of_error(problem: Problem, rule: str) -> Problem:
    """A finding of whoever reads the file, under a name."""
    return Problem(
        problem.file, problem.line, problem.column, problem.message, problem.hint, problem.level, problem.rule or rule
    )
