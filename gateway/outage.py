"""Why a server can't be reached, as it is told to those who do not run the gateway: clients and models. Pure.

What `Catalogue.missing` says is for whoever runs it: a program's last words, a path, an address inside. Of that only
what is known to be our own words is repeated to others.
"""

import re

__all__ = ["brief"]

OTHERWISE = "it can't be reached; the gateway's log says why"

LOG_IN = "nobody of those who run the gateway is logged in there"

_LOG_IN = re.compile(
    r"(?:(?:the server answered HTTP 401: it does not take the credentials of |it wants .+ of )`(?P<of>[^`]+)`"
    r"|`(?P<who>[^`]+)` is [a-z ]+): log in with `toolgate login [^`]+`"
)
_OURS = re.compile(
    r"it did not answer within [\d.e+]+ s|it does not answer|it is still connecting|it went away again"
    r"|it exited with code \d+|it was ended by SIG[A-Z0-9]+|it closed its output"
    r"|it wrote a line longer than `max_answer` lets it|the answer is larger than \d+ bytes"
    r"|the connection (?:ended|broke)|the server answered HTTP \d{3}|its tools could not be listed again"
    r"|the head of its answer is too long|its answer is not HTTP/1\.1"
    r"|the id that it gives to the session \(`mcp-session-id`\) holds more than visible ASCII characters"
    r"|it is this gateway, or has it among its servers"
    r"|it does not speak the older era|\d+ connections to it are in use|it acts for its users, and nobody is asking"
    r"|it takes a token of whoever asks, and `?[^` ]+`? has brought none that holds"
)
_UNAVAILABLE = re.compile(r"server `[^`]+` is unavailable: ")  # as `errors.UpstreamUnavailable` begins
_RETOLD = (
    (re.compile(r"can't connect"), "nobody answers at its address"),
    (re.compile(r"the name of its host can't be looked up"), "nobody answers at its address"),
    (re.compile(r"`[^`]*` was not found"), "its program was not found"),
)


def brief(why: str, user: str | None = None) -> str:
    """The cause alone, of a reason in `Catalogue.missing`. Who has to log in is told to this `user` only if it is him:
    anybody else could do nothing about it, and would learn who runs the gateway.
    """
    said = _UNAVAILABLE.sub("", why, count=1)
    if asked := _LOG_IN.match(said):
        return asked.group() if user in (asked["of"], asked["who"]) and user is not None else LOG_IN
    if ours := _OURS.match(said):
        return ours.group()
    return next((told for found, told in _RETOLD if found.match(said)), OTHERWISE)
