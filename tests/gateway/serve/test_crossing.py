"""What a browser shows a page of another origin."""

import asyncio

import pytest

from gateway.serve.asgi import Message
from gateway.serve.crossing import crossed, origin_of, preflight

ORIGIN = (b"origin", b"https://app.test")
ASKED = (b"access-control-request-method", b"POST")


def allowed(names: str) -> set[str]:
    """The headers that it may send, if it asks for these."""
    response = preflight([ORIGIN, ASKED, (b"access-control-request-headers", names.encode())], "POST")
    assert response is not None
    return set(response.headers["access-control-allow-headers"].split(", "))


def test_a_preflight_is_answered_without_a_body_and_without_credentials() -> None:
    response = preflight([ORIGIN, ASKED], "GET, POST")
    assert response is not None
    assert (response.status_code, response.body) == (204, b"")
    assert response.headers["access-control-allow-methods"] == "GET, POST"
    assert not {"access-control-allow-credentials", "access-control-allow-origin"} & response.headers.keys()


def test_what_clients_send_may_be_sent_and_nothing_else() -> None:
    usual = {
        *("accept", "authorization", "content-type", "last-event-id", "mcp-method", "mcp-name"),
        *("mcp-protocol-version", "mcp-session-id", "traceparent", "tracestate", "baggage"),
    }
    assert allowed("content-type, cookie, x-forwarded-for, *") == usual
    assert allowed("Mcp-Param-Region,mcp-param-a b,mcp-param-,mcp-param-x\r\ny") == usual | {"mcp-param-region"}


@pytest.mark.parametrize("more", [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")])
def test_what_has_a_body_is_no_preflight(more: tuple[bytes, bytes]) -> None:
    assert preflight([ORIGIN, ASKED, more], "POST") is None


def test_without_a_question_there_is_no_answer() -> None:
    assert preflight([ORIGIN], "POST") is None


@pytest.mark.parametrize(
    ("values", "origin"),
    [
        ((b"https://app.test",), b"https://app.test"), ((b"null",), b"null"), ((), None), ((b"",), None),
        ((b"https://a.test", b"https://b.test"), None), ((b"https://a.test\r\nx: y",), None), ((b"x" * 256,), None),
        (("é".encode(),), None),
    ],
)  # fmt: skip
def test_which_origin_can_be_repeated(values: tuple[bytes, ...], origin: bytes | None) -> None:
    assert origin_of([(b"host", b"x"), *((b"origin", value) for value in values)]) == origin


def test_an_answer_names_the_page_once_and_its_body_is_as_it_was() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def work() -> None:
        to_page = crossed(send, b"https://app.test")
        await to_page({"type": "http.response.start", "status": 200, "headers": [(b"vary", b"origin"), (b"a", b"b")]})
        await to_page({"type": "http.response.body", "body": b"x"})

    asyncio.run(work())
    assert sent[0]["headers"] == [
        (b"a", b"b"),
        (b"access-control-allow-origin", b"https://app.test"),
        (b"access-control-expose-headers", b"mcp-session-id, retry-after, www-authenticate"),
        (b"vary", b"origin"),
    ]
    assert sent[1] == {"type": "http.response.body", "body": b"x"}
