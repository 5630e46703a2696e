"""How our own wrappers around a backend fail. Pure.

* ProviderError
  + Unsent     nothing was sent: somebody before the network said no
  + GaveUp     it was sent as often as it may be
"""

from providers import ProviderError

__all__ = ["GaveUp", "Unsent", "cut", "was_sent"]


class Unsent(ProviderError):
    """Nothing was sent, and nothing is charged: the endpoint is left alone just now, or our own limits are used up."""


class GaveUp(ProviderError):
    """The last of several attempts, or the one after which waiting is no use: the same request is not made again."""

    def __init__(self, error: ProviderError, attempts: int) -> None:
        self.attempts, self.sent = attempts, was_sent(error)
        times = "" if attempts == 1 else f" (attempt {attempts})"
        super().__init__(
            error.kind,
            f"{error}{times}",
            status=error.status,
            retry_after=error.retry_after,
            request_id=error.request_id,
        )

    @property
    def retryable(self) -> bool:
        return False


def cut() -> ProviderError:
    """A stream that ended without `Finished`."""
    return ProviderError("protocol", "the reply ended before it was complete")


def was_sent(error: ProviderError) -> bool:
    """Whether the last attempt got as far as the network."""
    return error.sent if isinstance(error, GaveUp) else not isinstance(error, Unsent)
