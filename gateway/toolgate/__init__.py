"""Toolgate from Python: what another program imports, and all that is public of this package.

    from gateway.toolgate import Toolgate

    async with Toolgate.open("toolgate.toml") as gate:
        result = await gate.run("Which lights are there?", agent="support")

It stands in a room of its own and not in `gateway/__init__.py`: that is below everything and a map, this is above
everything but the command line and the servers. Each method is a line or two over `gateway.runtime` and
`gateway.offline`, which `toolgate run` is made of, too. To import it loads next to nothing: what a gate needs is loaded
when one is opened.

    gate        Toolgate: runs, calls; for whom
    endings     how a run comes out of it: a result, or an error that carries the run
    underway    what is driven in a gate: its end stops it first
    onlooker    a program's watcher: what goes wrong in it breaks no run
    people      what people say: to runs, to questions; sessions
    wishes      what a program wants of a run, in its own words

`tests/golden/python_api.txt` has every name and signature; what stands there changes only with a word in CHANGELOG.md.
"""

from gateway.toolgate.endings import Result, RunCancelled, RunFailed, RunPaused, RunStopped, RunWaiting
from gateway.toolgate.gate import Toolgate, resume_sync, run_sync
from gateway.toolgate.people import Approvals, Runs, Sessions

__all__ = [
    "Approvals",
    "Result",
    "RunCancelled",
    "RunFailed",
    "RunPaused",
    "RunStopped",
    "RunWaiting",
    "Runs",
    "Sessions",
    "Toolgate",
    "resume_sync",
    "run_sync",
]
