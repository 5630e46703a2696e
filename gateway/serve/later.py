"""An ASGI application that is not there until a request needs it.

The SDK's costs a tenth of a second and some megabytes, and plain requests never get to it. Its loading does not stop
the event loop; requests that need it wait meanwhile, and are all answered by the one application. If that falls apart,
the next request has a new one: what one request breaks must not stay broken for all.
"""

import asyncio
import logging
from collections.abc import Callable

from gateway.serve.asgi import App, Message, Receive, Scope, Send

__all__ = ["Later"]

log = logging.getLogger("toolgate.serve")


class Later:
    """`load` imports what it takes, in a thread; what it returns makes the application, on the event loop.

    Its lifespan begins when it is made, and ends with ours.
    """

    def __init__(self, load: Callable[[], Callable[[], App]]) -> None:
        self._load = load
        self._opening: asyncio.Task[_Life] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._opening is None or _is_over(self._opening):
            self._opening = asyncio.create_task(self._open())
        opening = self._opening
        try:
            life = await asyncio.shield(opening)
        except Exception:
            if self._opening is opening:
                self._opening = None  # the next request tries again
            raise
        await life.app(scope, receive, send)

    async def _open(self) -> "_Life":
        make = await asyncio.to_thread(self._load)
        life = _Life(make())
        await life.begin()
        return life

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self._opening is not None:
            await asyncio.wait({self._opening})
            if self._opening.exception() is None and not _is_over(self._opening):
                await self._opening.result().end()
        await send({"type": "lifespan.shutdown.complete"})


def _is_over(opening: "asyncio.Task[_Life]") -> bool:
    """Whether it was made, and has ended by itself since."""
    return opening.done() and not opening.cancelled() and opening.exception() is None and opening.result().over


class _Life:
    """An application's lifespan, in a task of its own: scopes within it must end in the task in which they began."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._begun, self._ending = asyncio.Event(), asyncio.Event()
        self._asked = False
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Raises RuntimeError when it does not start."""
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self._task = asyncio.ensure_future(self.app(scope, self._receive, self._send))
        begun = asyncio.ensure_future(self._begun.wait())
        await asyncio.wait({self._task, begun}, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if not self._begun.is_set():
            raise RuntimeError("the SDK's application did not start") from self._task.exception()
        self._task.add_done_callback(self._ended)

    @property
    def over(self) -> bool:
        return self._task is not None and self._task.done()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not self._ending.is_set() and not task.cancelled():
            # Not its words: they may be a client's.
            log.error("the SDK's server has ended (%s); the next request starts it anew", _kinds(task.exception()))

    async def end(self) -> None:
        self._ending.set()
        if self._task is not None:
            await self._task

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "lifespan.startup"}
        await self._ending.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            self._begun.set()


def _kinds(error: BaseException | None) -> str:
    """What it is, and in a group what is in it."""
    inner = ", ".join(map(_kinds, error.exceptions)) if isinstance(error, BaseExceptionGroup) else ""
    return f"{type(error).__name__}: {inner}" if inner else type(error).__name__
