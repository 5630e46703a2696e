"""An error that names no request: what a server says that could not read one (JSON-RPC 2.0, section 5: `id` is null).

Over Streamable HTTP it is the answer to what was posted. On a pipe, and over HTTP+SSE, nothing says what it is about:
it is an answer there only where one message alone can be meant, be it that all others are answered first. To give it to
the wrong one would say of a call that it did not run, while it does. Pure.
"""

import mcp_types as types

__all__ = ["MOST", "Nameless"]

MOST = 1000  # calls without an answer that are told apart; beyond, such an error may be about anything

_Id = types.RequestId | None


class Nameless:
    """What it can be about, on one connection on which messages are written one after the other.

    A call may be, until it is answered; also one that nobody waits for any more. Of our own requests, notifications and
    answers it is enough that something was answered that was written behind them: a server reads in order.
    """

    def __init__(self) -> None:
        self._number, self._too_many = 0, False
        self._calls: dict[types.RequestId, int] = {}
        self._others: dict[int, _Id] = {}  # by their number, the oldest first
        self._open: tuple[types.JSONRPCError, dict[int, _Id]] | None = None  # an error, and what it may be about

    def wrote(self, message: types.JSONRPCMessage, *, call: bool) -> None:
        """This is about to leave."""
        self._number += 1
        request_id = message.id if isinstance(message, types.JSONRPCRequest) else None
        if not call or request_id is None:
            self._others[self._number] = request_id
        elif len(self._calls) < MOST:
            self._calls[request_id] = self._number
        else:
            self._too_many = True

    def answered(self, request_id: types.RequestId) -> types.JSONRPCError | None:
        """An answer has come that names this request. An error that came before, if it is clear now whose it is."""
        number = self._calls.pop(request_id, 0) or next((n for n, one in self._others.items() if one == request_id), 0)
        while self._others and (oldest := next(iter(self._others))) <= number:
            del self._others[oldest]
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
        if self._too_many:
            return None
        suspects = {**self._others, **{number: request_id for request_id, number in self._calls.items()}}
        if len(suspects) == 1:
            return next(iter(suspects.values()))
        if suspects:
            self._open = self._open or (error, suspects)
        return None
