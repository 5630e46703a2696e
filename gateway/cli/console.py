"""The terminal, as rich draws on it. Elsewhere (a file, a pipe, NO_COLOR) not one escape code is written.

https://no-color.org: rich alone would still write bold and dim.
"""

import os

from rich.console import Console

__all__ = ["console"]


def console(*, stderr: bool = False) -> Console:
    """For talk with `stderr`, for what was asked for without. Nothing is highlighted by guessing."""
    plain = bool(os.environ.get("NO_COLOR"))
    return Console(stderr=stderr, highlight=False, color_system=None if plain else "auto", soft_wrap=True)
