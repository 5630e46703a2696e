"""An error that names no request: what a server says that could not read one (JSON-RPC 2.0, section 5: `id` is null).

Over Streamable HTTP it is the answer to what was posted. On a pipe, and over HTTP+SSE, nothing says what it is about:
it is an answer there only where one message alone can be meant, be it that all others are answered first. To give it to
the wrong one would say of a call that it did not run, while it does. Pure.
"""

import mcp_types as types

__all__ = ["MOST", "Nameless"]

MOST = 1000  # calls, and requests of our own, without an answer that are told apart; beyond, it may be about anything

_Id = types.RequestId | None


class Nameless:
    """What it can be about, on one connection on which messages are written one after the other.

    A call may be, until it is answered; also one that nobody waits for any more. Of our own requests, notifications and
    answers it is enough that something was answered that was written behind them: a server reads in order. Of the last
    two, which name nobody either, nothing is known but which was written last: a server can ask without end.
    """

    def __init__(self) -> None:
        self._number, self._too_many = 0, False
        self._calls: dict[types.RequestId, int] = {}
        self._own: dict[types.RequestId, int] = {}  # the oldest first
        self._unnamed = 0  # the last notification or answer that may still be meant; 0 for none
        self._open: tuple[types.JSONRPCError, dict[int, _Id]] | None = None  # an error, and what it may be about

    def wrote(self, message: types.JSONRPCMessage, *, call: bool) -> None:
        """This is about to leave."""
        self._number += 1
        kept = self._calls if call else self._own
        if not isinstance(message, types.JSONRPCRequest):
            self._unnamed = self._number
        elif len(kept) < MOST:
            kept[message.id] = self._number
        else:
            self._too_many = True

    def answered(self, request_id: types.RequestId) -> types.JSONRPCError | None:
        """An answer has come that names this request. An error that came before, if it is clear now whose it is."""
        number = self._calls.pop(request_id, 0) or self._own.get(request_id, 0)
        while self._own and self._own[oldest := next(iter(self._own))] <= number:
            del self._own[oldest]
        if self._unnamed <= number:
            self._unnamed = 0
        if self._open is None:
            return None
        error, suspects = self._open
        suspects.pop(number, None)
        if len(suspects) > 1:
            return None
        self._open = None
        error.id = next(iter(suspects.values()), None)
        return None if error.id is None else error

    def meant(self, error: types.JSONRPCError) -> _Id:
        """Whose it is; None if that can't be said, or not yet. Of several such errors the first is kept."""
        count = len(self._calls) + len(self._own) + (self._unnamed > 0)
        if self._too_many or not count or (count > 1 and self._open is not None):
            return None  # without a look at each: a server can say this without end
        suspects = self._suspects()
        if count == 1:
            return next(iter(suspects.values()))
        self._open = (error, suspects)
        return None

    def _suspects(self) -> dict[int, _Id]:
        found: dict[int, _Id] = {self._unnamed: None} if self._unnamed else {}
        for kept in (self._own, self._calls):
            found.update((number, request_id) for request_id, number in kept.items())
        return found
