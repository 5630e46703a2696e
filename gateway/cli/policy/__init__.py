"""`toolgate policy`: what admins do with their policy. Each command is a module, loaded when it is called.

check           one line for each thing that is wrong or doubtful; `diagnosing` finds the same in open files' text
testing         the policy's own tests; `testing_view` is what is printed of them
formatting      the columns of policy files, aligned
explain         one verdict, and every line that had to do with it
can             every tool, for one subject
who_can         everybody, for one tool
suggest         lines that would have allowed what was denied; `suggest_view` prints them
diff            which decisions another policy makes differently
backtest        the calls that were made, decided again; `comparing` is what it shares with `diff`
status          what is in force, what the files say, and who runs what
versions        the policies that were in force
shadow          a candidate beside the policy in force
promote         ... becomes the policy
rollback        the files as they were in an earlier version
reload          whether the edited files are taken
desk            what those that roll a policy out have before them
putting         files that such a command writes
knowing         what policies are held against: tools, and who was ever seen
counting        numbers with their nouns
lsp             help for editors; `language_server` has the protocol's words
"""

from collections.abc import Mapping

from gateway.cli.exits import ends
from gateway.cli.lazy import Lazy

__all__ = ["COMMANDS", "policy_command"]

COMMANDS: Mapping[str, tuple[str, str]] = {
    "can": ("policy.can", "Say what somebody may call: every tool, and what it depends on."),
    "check": ("policy.check", "Look over policy and budgets: one line for each finding."),
    "explain": ("policy.explain", "Say what the policy decides and why."),
    "fmt": ("policy.formatting", "Align the columns of policy files; what they mean stays."),
    "lsp": ("policy.lsp", "Help for editors, while one writes a policy: a language server."),
    "diff": ("policy.diff", "Say which decisions another policy makes differently, by the line that is the cause."),
    "backtest": ("policy.backtest", "Decide the calls that were made again, by another policy."),
    "promote": ("policy.promote", "Make the candidate the policy."),
    "reload": ("policy.reload", "See that an edit comes into force."),
    "rollback": ("policy.rollback", "Give the files back as they were in an earlier version."),
    "shadow": ("policy.shadow", "Compare a candidate with the policy on real calls."),
    "show": ("policy.versions", "Print the files of a version."),
    "status": ("policy.status", "Say what is in force, what the files say, and who runs what."),
    "suggest": ("policy.suggest", "Print the narrowest lines that would have allowed what was denied."),
    "test": ("policy.testing", "Put the policy's own tests to it."),
    "versions": ("policy.versions", "List the policies that were in force."),
    "who-can": ("policy.who_can", "Say who may use a tool, and what it depends on."),
}

policy_command = Lazy(
    COMMANDS,
    name="policy",
    epilog=ends(),
    help=(
        "Check, test and explain a policy; say who may do what; compare it with another one, by what could be asked "
        "and by what was; bring an edit into force, or back. From nothing to a tested policy: docs/policies.md."
    ),
)
