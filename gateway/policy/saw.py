"""The values that a condition looked at, as text for people who write policies. Pure."""

import json
from collections.abc import Sequence
from typing import Any

from gateway.policy.condition import Path
from gateway.policy.logic import UNDECIDED
from gateway.policy.scope import Scope

__all__ = ["saw"]

_SHOWN = 80  # characters of a value


def saw(paths: Sequence[Path], scope: Scope) -> tuple[tuple[str, str], ...]:
    """Each path with its value as JSON."""
    return tuple((path.text, _shown(path, path.run(scope))) for path in paths)


def _shown(path: Path, value: Any) -> str:
    if value is UNDECIDED:
        return "not given" if path.root == "args" else "not known"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"
