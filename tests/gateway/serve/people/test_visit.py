"""Who comes to answer, and what he brings."""

import pytest

from gateway.call import Subject
from gateway.identity import Identity
from gateway.serve.people.visit import Headers, Visit, is_here, is_visit_of_a_page

ANN = Identity(Subject("user:ann", "acme"))
FORM = (b"content-type", b"application/x-www-form-urlencoded; charset=utf-8")


def visit(method: str = "GET", *headers: tuple[bytes, bytes], body: bytes = b"") -> Visit:
    return Visit(method, "", list(headers), ANN, body)


@pytest.mark.parametrize(
    ("path", "here"),
    [("/approvals", True), ("/approvals/A-1", True), ("/approvalsx", False), ("/mcp", False), ("/", False)],
)
def test_where_people_answer(path: str, here: bool) -> None:
    assert is_here(path) is here


def test_a_browser_gets_pages_and_sends_forms_and_programs_json() -> None:
    assert visit("GET", (b"accept", b"text/html,*/*")).wants_page
    assert not visit("GET", (b"accept", b"*/*")).wants_page
    assert visit("POST", FORM).wants_page
    assert not visit("POST", (b"content-type", b"application/json"), (b"accept", b"text/html")).wants_page
    assert not visit("POST", (b"content-type", b"text/plain")).wants_page


@pytest.mark.parametrize(
    ("origin", "ours"),
    [
        (None, True),
        (b"https://gate.example", True),
        (b"https://GATE.example", True),
        (b"https://gate.example:8443", False),
        (b"https://gate.example.evil", False),
        (b"null", False),
        (b"http://localhost:3000", False),
    ],
)
def test_a_page_is_ours_only_at_this_very_host_and_port(origin: bytes | None, ours: bool) -> None:
    headers = [(b"host", b"gate.example"), *([(b"origin", origin)] if origin else [])]
    assert visit("POST", *headers).is_from_our_page() is ours


def test_behind_a_proxy_that_tells_another_host_a_page_is_ours_where_the_admin_says_that_we_are() -> None:
    asked = visit("POST", (b"host", b"127.0.0.1:8765"), (b"origin", b"https://gate.example"))
    assert asked.is_from_our_page("https://gate.example")
    assert not asked.is_from_our_page("http://gate.example")
    assert not asked.is_from_our_page("https://other.example")
    assert not asked.is_from_our_page()


def test_a_form_is_read_in_one_way_only() -> None:
    assert visit("POST", FORM, body=b"decision=denied&reason=a+b&x=").form == {
        "decision": "denied",
        "reason": "a b",
        "x": "",
    }
    assert visit("POST", FORM, body=b"decision=denied&decision=approved").form == {}
    assert visit("POST", FORM, body=b"a=%ff").form == {}
    assert visit("POST", FORM, body=b"&".join(b"a%d=1" % n for n in range(100))).form == {}


def test_a_cookie_is_found_by_its_name() -> None:
    asked = visit("GET", (b"cookie", b"a=1; toolgate=x=y; b=2"))
    assert (asked.cookie("toolgate"), asked.cookie("tool"), asked.cookie("b")) == ("x=y", "", "2")


def test_a_page_may_be_opened_by_a_link_from_anywhere_and_nothing_else() -> None:
    link: Headers = [
        (b"sec-fetch-site", b"cross-site"),
        (b"sec-fetch-mode", b"navigate"),
        (b"sec-fetch-dest", b"document"),
    ]
    assert is_visit_of_a_page("GET", link)
    assert not is_visit_of_a_page("POST", link)
    assert not is_visit_of_a_page("GET", [*link[:2], (b"sec-fetch-dest", b"iframe")])
    assert not is_visit_of_a_page("GET", link[:1])
