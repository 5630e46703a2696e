"""The command line: a face. argv in, text or JSON out.

stdout is data, stderr is talk. A command lives in a module of its own and is imported when it is called, so that
`toolgate --help` stays quick.
"""

import sys

from gateway.late import compile_late

__all__ = ["main"]


def main() -> None:
    """The `toolgate` command."""
    compile_late()  # before anything is loaded that has dataclasses
    from gateway.cli.root import toolgate

    sys.exit(toolgate())
