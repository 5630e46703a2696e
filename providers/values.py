"""Values: `@value(frozen=True, slots=True)` is a frozen dataclass to the type checker, and costs what a plain one does.

As `gateway.values`, of which nothing here may know.
"""

import dataclasses
from typing import TYPE_CHECKING, Any

__all__ = ["value"]

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:

    def value(**how: Any) -> Any:
        """As `dataclasses.dataclass`; equality and hash are those of a frozen one."""
        frozen = how.pop("frozen", False)
        return dataclasses.dataclass(unsafe_hash=frozen and how.get("eq", True), **how)
