"""A process that decides by a policy, as it reports itself. Pure."""

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["BEAT", "DEAD_AFTER", "FORGOTTEN_AFTER", "Replica"]

BEAT = 5_000  # milliseconds between two reports
DEAD_AFTER = 30_000  # milliseconds of silence
FORGOTTEN_AFTER = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Replica:
    """`id` is `host/pid/random`. `since` is when it took the policy with this digest, `beat` when it last reported;
    milliseconds. `problem` is what keeps its files from being in force, `candidate` the digest of what it compares.
    """

    id: str
    place: str
    kind: str
    started: int
    digest: str
    since: int
    beat: int
    problem: str | None = None
    candidate: str | None = None

    @property
    def host(self) -> str:
        return self.id.partition("/")[0]

    @property
    def pid(self) -> int:
        return int(self.id.split("/")[1])

    def silent(self, now: int) -> bool:
        """Whether it should have reported long ago."""
        return now - self.beat > DEAD_AFTER

    def to_json(self) -> dict[str, Any]:
        return {"host": self.host, "pid": self.pid} | asdict(self)
