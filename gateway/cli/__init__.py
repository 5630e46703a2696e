"""The command line: a face. argv in, text or JSON out.

stdout is data, stderr is talk. A command lives in a module of its own and is imported when it is called, so that
`toolgate --help` stays quick. Read first, for they are what all commands have in common:

    root            the list of commands, and how each of them ends
    lazy            a group of commands that loads the one that is called
    exits           what an exit code means, everywhere
    options         options that many commands share, and what they make of the configuration
    program         how one types this program here
    logs            what is logged while a command works
    console         the terminal, as rich draws on it; `folding` breaks long lines, `columns` aligns rows
    discretion      what is shown of a record without our own credentials
    unread          what drives runs goes on when nobody reads any more what it prints
    leaving         a process that was told to end, and can't

What runs agents:

    run             `run` and `resume`; `driving` is what they do
    chat            a conversation, which is `chatting`; `talk` is its run, `prompting` the line that is typed
    slash           what can be typed there beside words to the model; `saving` writes it all down
    view            a run on a terminal, as it happens; `lines` is how each fact reads
    timeline        a run as a timeline
    submit          a run is queued for workers
    worker          ... and driven
    schedules       runs that the clock submits
    runs/           what happened, and what people do to runs
    sessions        conversations that go on from run to run
    budgets         what is left of them
    models          which there are, what they cost, whether they could be asked
    fake_model      a model that plays a script, as a server

What people answer:

    approvals       what waits for them; `watching` has one with all that is known, and those that come
    answering       the answers, to one question or to many
    remembering     what lasts beyond one answer
    habits          how people answer each rule
    asking          a question on a terminal; `letters` are what can be typed to it

Tools, and the servers that have them:

    tools           what there is, as `listing` shows it; and one call by hand, which ends as `results` has it
    pins            what is pinned and what is held, as `pinning` shows it
    login           a user's log-ins to servers that act for each user
    policy/         what admins do with their policy
    serve           the gateway as an MCP server
    keys            API keys for its clients

How one begins, and looks after it:

    start           a project that works at once
    demo            everything at work, offline; `scenes` is the play
    hosting         what the next two share: which clients, which gateway, the way back
    importing       what the clients use, moved behind the gateway: `takeover` does it, `takeover_view` tells it
    connecting      the gateway in a client's file: `joining` does it, and `proof` is that it works
    doctor          the whole set-up, one `finding` a line
    checks          ... of which these are made: `server_checks`, `log_in_checks`, `entrance_checks`
    config          what is in force and who said it
    store           where everything is kept, a copy of it; `pruning` lets go what is old
"""

import sys

from gateway.late import compile_late

__all__ = ["main"]


def main() -> None:
    """The `toolgate` command."""
    compile_late()  # before anything is loaded that has dataclasses
    from gateway.cli.root import toolgate

    sys.exit(toolgate())
