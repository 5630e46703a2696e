"""An HTTP status with which a server refuses a request, in words: the same ones whichever lane it came by. Pure."""

from collections.abc import Mapping

from gateway.call import Answered, InDoubt, Outcome, Refused, Unsent
from gateway.upstream.plainly import plainly

__all__ = ["answered", "explained"]

_ANSWERED = "the server answered HTTP "
_REDIRECTS = "it redirects, which is not followed"
_MEANING: Mapping[int, str] = {
    401: "it wants credentials that it knows, which `headers` or `auth` of its entry give",
    403: "it does not allow this with the credentials that it got",
    404: "there is nothing at its address, the `url` of its entry",
    429: "it is asked too often",
}


def answered(status: int, more: str = "") -> str:
    """What a status says, and what to do. `more` takes the place of what can be said of any server."""
    moved = _REDIRECTS if 300 <= status < 400 else ""
    known = ": ".join(filter(None, (moved, more))) or _MEANING.get(status, "")
    return f"{_ANSWERED}{status}: {known}" if known else f"{_ANSWERED}{status}"


def explained(server: str, outcome: Outcome) -> Outcome:
    """An outcome for whoever made the call: where our own words are in it, with the server's name, and of a status no
    address. A server that says these words itself is taken at its word.
    """
    if type(outcome) is Answered:  # nearly always
        return outcome
    if isinstance(outcome, (Unsent, InDoubt)):
        return type(outcome)(_named(server, plainly(outcome.why)))
    if isinstance(outcome, Refused) and outcome.message.startswith(_ANSWERED):
        return Refused(outcome.code, _named(server, outcome.message), outcome.data)
    return outcome


def _named(server: str, why: str) -> str:
    if not why.startswith(_ANSWERED):
        return f"server `{server}`: {why}"
    said, moved, _place = why.partition(_REDIRECTS)
    return f"server `{server}` {said.removeprefix('the server ')}{moved}"
