"""One request at `/approvals`: who came, and what he brought. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from gateway.auth import Refusal
from gateway.identity import Identity

__all__ = ["PREFIX", "Visit", "is_here", "is_visit_of_a_page"]

PREFIX = "/approvals"
MOST_FIELDS = 60  # of a form

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Visit:
    """`who` is somebody whom a key or a token names (or the one person there is, where nobody logs in), or why nobody.

    `path` is what follows `/approvals`: `""`, `A-…`, `A-…/answer`.
    """

    method: str
    path: str
    headers: Headers
    who: Identity | Refusal
    body: bytes = b""

    def header(self, name: bytes) -> str:
        """Its value; empty where there is none."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")

    @property
    def reads(self) -> bool:
        return self.method in ("GET", "HEAD")

    @property
    def wants_page(self) -> bool:
        """Whether a browser shows what comes, or has sent a form."""
        if self.reads:
            return "text/html" in self.header(b"accept")
        return self.header(b"content-type").partition(";")[0].strip() == "application/x-www-form-urlencoded"

    def is_from_our_page(self, url: str | None = None) -> bool:
        """Whether it is from a page of this very host and port, as far as a browser says: programs say nothing.

        `url` is where people reach us, if a proxy tells us another host.
        """
        origin = self.header(b"origin").lower()
        known = url is not None and origin == url.lower()
        return not origin or known or origin.partition("://")[2] == self.header(b"host").lower()

    @property
    def form(self) -> Mapping[str, str]:
        """The fields of a form; empty for rubbish. Of a field that stands twice, there is none."""
        try:
            pairs = parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
        except ValueError:
            return {}
        names = [name for name, _ in pairs]
        return {name: value for name, value in pairs if names.count(name) == 1}

    def cookie(self, name: str) -> str:
        """Its value; empty where there is none."""
        for pair in self.header(b"cookie").split(";"):
            key, _, value = pair.strip().partition("=")
            if key == name:
                return value
        return ""


def is_here(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def is_visit_of_a_page(method: str, headers: Headers) -> bool:
    """Whether somebody opens a page in a browser, by a link from wherever: that changes nothing, and tells whoever made
    the link nothing (https://www.w3.org/TR/fetch-metadata/).
    """
    said = dict(headers)
    return method == "GET" and (said.get(b"sec-fetch-mode"), said.get(b"sec-fetch-dest")) == (b"navigate", b"document")
