"""The command line: a face. argv in, text or JSON out.

stdout is data, stderr is talk. A command lives in a module of its own and is imported when it is called, so that
`toolgate --help` stays quick.
"""

import sys

__all__ = ["main"]


def main() -> None:
    """The `toolgate` command."""
    from gateway.cli.root import toolgate

    sys.exit(toolgate())
