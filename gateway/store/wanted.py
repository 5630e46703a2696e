"""Which runs a list is to have, and the SQL that finds them by an index, however many others there are. Pure."""

from gateway.values import value

__all__ = ["ALL", "Wanted", "where"]


@value(frozen=True, slots=True)
class Wanted:
    """What must be so of a run; None: whatever it is.

    `since` is when it began, in milliseconds since 1970; `before` is a run (or a beginning of its id that is unique),
    behind which the list begins.
    """

    status: str | None = None
    tenant: str | None = None
    user: str | None = None
    agent: str | None = None
    since: int | None = None
    before: str | None = None


ALL = Wanted()


def where(wanted: Wanted, behind: tuple[int, str] | None) -> tuple[str, tuple[object, ...]]:
    """What follows `FROM runs`, but the limit; and its parameters. `behind` is when `before` began, and its id."""
    named = {name: getattr(wanted, name) for name in ("status", "tenant", "user", "agent")}
    tests: dict[str, tuple[object, ...]] = {f"{name} = ?": (said,) for name, said in named.items() if said is not None}
    if wanted.since is not None:
        tests["created >= ?"] = (wanted.since,)
    if behind is not None:
        tests["(created, id) < (?, ?)"] = behind
    told = f" WHERE {' AND '.join(tests)}" if tests else ""
    return f"{told} ORDER BY created DESC, id DESC", tuple(said for each in tests.values() for said in each)
