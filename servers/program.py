"""Starts one bundled server, as fast as importing `mcp` allows.

That import is nearly all of the time until the first answer, so it happens after the flags have been read and with the
garbage collector paused: it makes objects by the hundred thousand, of which next to none is garbage.
"""

import gc

from servers.tooling import Program

__all__ = ["start"]


def start(program: Program) -> None:
    """Serves on stdin and stdout until stdin ends or the process is interrupted."""
    gc.disable()
    from servers.serving import serve

    gc.freeze()
    gc.enable()
    serve(program)
