"""`./dev bench [NAME...]`: what a call, a decision, a turn and an admission cost. README.md says how to read it."""

import argparse
import json
import os
import platform
from collections.abc import Callable, Mapping
from typing import Any

from bench.adapters import adapters
from bench.admissions import admissions
from bench.backtests import backtests
from bench.bridges import bridges
from bench.calls import calls, large_calls
from bench.contexts import contexts
from bench.decisions import decisions
from bench.finished import finished
from bench.listing import listings
from bench.other_loops import other_loops
from bench.policies import policies
from bench.scale import FULL, QUICK, Scale
from bench.starts import starts
from bench.startup import startups
from bench.table import Table, as_json, as_text
from bench.turns import turns
from bench.waiting import waiting
from bench.workers import workers

MEASUREMENTS: Mapping[str, Callable[[Scale], Table]] = {
    "call": calls,
    "large": large_calls,
    "decision": decisions,
    "policy": policies,
    "turn": turns,
    "context": contexts,
    "start": starts,
    "first": startups,
    "list": listings,
    "provider": adapters,
    "store": admissions,
    "backtest": backtests,
}

ON_DEMAND: Mapping[str, Callable[[Scale], Table]] = {
    "peer": bridges,
    "loop": other_loops,
    "workers": workers,
    "finished": finished,
    "waiting": waiting,
}  # they take what is not installed here, or minutes
_NAMES = ", ".join([*MEASUREMENTS, *ON_DEMAND])


def main() -> None:
    arguments = _parsed()
    scale = QUICK if arguments.quick else FULL
    report: dict[str, Any] = {"machine": _machine(), "quick": arguments.quick}
    for name in arguments.names or MEASUREMENTS:
        table = ({**MEASUREMENTS, **ON_DEMAND})[name](scale)
        report[name] = as_json(table)
        if not arguments.json:
            print(as_text(table), end="\n\n", flush=True)
    if arguments.json:
        print(json.dumps(report, indent=2))


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser("./dev bench", description=__doc__)
    parser.add_argument("names", nargs="*", type=_measurement, metavar="NAME", help=_NAMES)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: to see that it works")
    return parser.parse_args()


def _measurement(name: str) -> str:
    if name not in {*MEASUREMENTS, *ON_DEMAND}:
        raise argparse.ArgumentTypeError(f"there is no measurement `{name}`; there are {_NAMES}")
    return name


def _machine() -> dict[str, Any]:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return {"python": python, "system": platform.platform(), "cpus": os.cpu_count(), "load": os.getloadavg()}


if __name__ == "__main__":
    main()
