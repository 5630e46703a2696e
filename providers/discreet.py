"""A backend whose errors tell no secrets: not its key, not what its headers hold, not what an adapter trips over."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from providers import Provider, ProviderError, Request, StreamEvent

__all__ = ["Discreet", "told"]

HIDDEN = "***"
_SHORTEST = 4  # characters; what is shorter is no secret, and would be found in ordinary words


class Discreet:
    """`secrets` are never repeated. An exception that is no ProviderError becomes one that says only its name."""

    def __init__(self, provider: Provider, secrets: Sequence[str]) -> None:
        self._provider, self._secrets = provider, tuple(secrets)

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        failed: ProviderError
        try:
            async with aclosing(self._provider.stream(request)) as events:
                async for event in events:
                    yield event
                return
        except ProviderError as error:
            failed = told(error, self._secrets)
        except Exception as broken:  # noqa: BLE001 - a defect of an adapter: its text may hold a secret
            why = f"the adapter of this backend failed: {type(broken).__name__}"
            failed = ProviderError("protocol", why)
        raise failed  # outside: what it was before does not come along


def told(error: ProviderError, secrets: Sequence[str]) -> ProviderError:
    """The error, or one that says the same without the secrets."""
    text, request_id = _without(str(error), secrets), _without(error.request_id or "", secrets) or None
    if text == str(error) and request_id == (error.request_id or None):
        return error
    return ProviderError(error.kind, text, status=error.status, retry_after=error.retry_after, request_id=request_id)


def _without(text: str, secrets: Sequence[str]) -> str:
    for secret in sorted((each for each in secrets if len(each) >= _SHORTEST), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
