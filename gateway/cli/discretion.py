"""What a command shows of a record without our own credentials, whoever put them there: a tool, a backend, a user.

What `emit` prints, and each fact that is shown as a line, goes through here. The record itself stays as it is: what was
said is what is sent again. Commands tell which configuration is theirs; its secrets are looked up when they are needed.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.events import Recorded
    from providers.blotting import Blotter

__all__ = ["blotted", "know", "told"]


def know(config: "Config") -> None:
    """From now on this configuration's secrets are shown by nobody in this process."""
    _blotters[:] = [_once(config)]


def blotted(value: Any) -> Any:
    """The same JSON value without a secret in any of its texts."""
    blotter = _blotters[0]() if _blotters else None
    if not blotter:
        return value
    from providers.blotting import without

    return without(value, blotter)


def told(recorded: "Recorded") -> "Recorded":
    """A fact as it is shown."""
    from dataclasses import replace

    from gateway.events import event_from_json, event_to_json

    plain = event_to_json(recorded.event)
    shown = blotted(plain)
    return recorded if shown == plain else replace(recorded, event=event_from_json(shown))


_blotters: list[Callable[[], "Blotter"]] = []  # one, once a configuration is known


def _once(config: "Config") -> Callable[[], "Blotter"]:
    found: list[Blotter] = []

    def blotter() -> "Blotter":
        if not found:
            from gateway.config import own_secrets
            from providers.blotting import Blotter

            found.append(Blotter(own_secrets(config, os.environ)))
        return found[0]

    return blotter
