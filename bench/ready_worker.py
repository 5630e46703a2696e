"""`toolgate worker`, which says on stdout when it looks for runs."""

import sys

from gateway.cli import main
from gateway.worker import Worker


def said(run: "object") -> "object":
    async def told(worker: Worker, engine: "object") -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await run(worker, engine)  # type: ignore[operator]

    return told


Worker.run = said(Worker.run)  # type: ignore[assignment, method-assign]
sys.argv[1:] = ["worker"]
main()
