"""DBOS as itself: workflows of six journalled steps that do nothing: `python -m bench.dbos_steps URL`.

It prints a line when it is ready, and works until it is killed.
"""

import asyncio
import secrets
import sys

from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer

__all__ = ["STEPS", "enqueue"]

STEPS, QUEUE, WORKFLOW, VERSION = 6, "bench", "six_steps", "1"


def enqueue(url: str, count: int) -> None:
    client = DBOSClient(system_database_url=url, serializer=DBOSPortableJSONSerializer())
    try:
        for _ in range(count):
            client.enqueue({"queue_name": QUEUE, "workflow_name": WORKFLOW, "app_version": VERSION})
    finally:
        client.destroy()


async def work(url: str) -> None:
    DBOS(
        config={
            "name": "bench",
            "system_database_url": url,
            "application_version": VERSION,
            "executor_id": secrets.token_hex(8),
            "serializer": DBOSPortableJSONSerializer(),
            "enable_otlp": False,
            "max_executor_threads": 16,
            "log_level": "CRITICAL",
        }
    )

    @DBOS.step(name="step")
    async def step(number: int) -> int:
        return number

    @DBOS.workflow(name=WORKFLOW)
    async def six_steps() -> None:
        for number in range(STEPS):
            await step(number)

    DBOS.launch()
    await DBOS.register_queue_async(QUEUE, worker_concurrency=8, polling_interval_sec=0.02, on_conflict="always_update")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
