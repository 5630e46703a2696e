"""People answer on the pages of `toolgate serve` in a real Chromium: as they see it, by labels and buttons."""

import contextlib
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.fixtures.browser import DESK, PHONE, Browser, browser
from tests.fixtures.served import FIXTURES, Gateway, approval_in, request, text_of
from tests.fixtures.serving import Project

Json = dict[str, Any]

LINES = (
    "p, *, *, tally/*, call, , allow, for all",
    "p, *, *, tally/send, call, , ask, a person looks at it",
    "p, *, *, tally/*, call, args.amount > 1000, deny, nobody may",
    "p, user:bob, *, tally/*, approve, , allow, bob decides",
    "o, *, *, tally/send, call, , remember=yes; escalate=role:boss@2h, it goes up",
)
HOSTILE = "</td><script>document.title='owned'</script><img src=x onerror=alert(1)>\u202e\u200b"
READABLE = 4.5  # WCAG 2.2, 1.4.3


class Site:
    """`toolgate serve` with the browser of somebody who may decide, and an agent that calls."""

    def __init__(self, project: Project, gateway: Gateway, page: Browser) -> None:
        self.project, self.page, self.base = project, page, gateway.url.removesuffix("/mcp")
        self._gateway = gateway
        self._agents, self.bobs = project.key("user:ann"), project.key("user:bob", "--scope", "approvals")

    def call(self, **arguments: Any) -> Json:
        message = request("tools/call", {"name": "tally__send", "arguments": arguments}, "modern")
        with self._gateway.client("modern") as wire:
            response = wire.post(message, headers={"authorization": f"Bearer {self._agents}"})
        result: Json = response.json()["result"]
        return result

    def waits(self, **arguments: Any) -> str:
        """The address of its page."""
        return f"{self.base}/approvals/{approval_in(self.call(**arguments))}"

    def log_in(self, address: str) -> None:
        assert self.page.goto(url=address) == 401
        self.page.problems()  # that it was 401
        self.page.fill(label="Your API key", text=self.bobs)
        assert self.page.press(button="Go on") == 200
        assert self.page.address() == address

    def arrived(self, word: str) -> list[Json]:
        """Each test has words of its own."""
        file = self.project.folder / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [found for line in lines if (found := json.loads(line)["arguments"])["word"] == word]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    tmp_path = tmp_path_factory.mktemp("site")
    project = Project(tmp_path)
    arguments = ["-S", str(FIXTURES / "tally_server.py"), str(tmp_path / "calls")]
    settings = "[serve]\napi_keys = true\n"
    project.write(settings, {"tally": {"command": sys.executable, "args": arguments}}, *LINES)
    with browser() as page, project.serve() as gateway:
        yield Site(project, gateway, page)


@pytest.fixture
def site(everything: Site) -> Site:
    """With a window of somebody who was never here."""
    everything.page.window(DESK)
    everything.page.problems()
    return everything


def test_somebody_logs_in_changes_the_call_sees_what_that_changes_and_approves_it(site: Site) -> None:
    page, call = site.page, {"word": "a", "amount": 900}
    site.log_in(site.waits(**call))
    assert "amount = 900" in page.text()
    page.unfold(summary="Change it before it is made")
    page.fill(label="All its arguments", text='{"word": "a", "amount": 5000}')
    assert page.press(button="Show what that changes") == 422
    assert "nobody may" in page.text()
    page.goto(url=page.address())
    page.unfold(summary="Change it before it is made")
    page.fill(label="All its arguments", text='{"word": "a", "amount": 100}')
    assert page.press(button="Approve: it runs once, exactly as shown") == 200
    assert "amount: 900 -> 100" in page.text()
    assert site.arrived("a") == []
    page.fill(label="Why", text="less will do")
    assert page.press(button="Approve as changed: it runs once") == 200
    assert "This question is approved by user:bob." in page.text()
    (problem,) = page.problems()
    assert "a status of 422" in problem
    done = text_of(site.call(**call))
    assert "user:bob changed this call before it was made: amount: 900 -> 100" in done
    assert site.arrived("a") == [{"amount": 100, "word": "a"}]


def test_a_yes_is_remembered_as_it_was_picked(site: Site) -> None:
    page = site.page
    site.log_in(site.waits(word="b", amount=1))
    page.unfold(summary="Let such calls be made without asking again")
    page.choose(label="For how long", option="until the date below")
    page.fill(label="Date (UTC)", text="8h")
    page.toggle(label="amount = 1")
    assert page.press(button="Approve, and remember it so") == 200
    assert [text_of(site.call(word="b", amount=amount)) for amount in (1, 2)] == ["send done"] * 2
    approval_in(site.call(word="not b", amount=1))
    assert page.problems() == []


def test_enter_in_a_field_decides_nothing_and_each_button_does_what_it_says(site: Site) -> None:
    page, address = site.page, site.waits(word="c", amount=1)
    site.log_in(address)
    page.fill(label="Why", text="too much for me")
    page.enter(label="Why")
    assert page.buttons()[1:5] == [
        "Approve: it runs once, exactly as shown",
        "Deny",
        "Deny, and end its run",
        "Hand it up to role:boss",
    ]
    assert page.press(button="Hand it up to role:boss") == 200
    assert "It goes to role:boss now." in page.text()
    page.goto(url=address)
    assert page.press(button="Deny") == 200
    assert "This question is denied by user:bob." in page.text()
    page.follow(link="Calls that wait")
    assert '{"amount":1,"word":"c"}' not in page.text()
    page.press(button="Log out")
    assert "Who are you?" in page.text()
    assert page.goto(url=address) == 401
    assert site.arrived("c") == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_every_page_fits_its_window_can_be_read_and_runs_nothing(site: Site, size: Any, dark: bool) -> None:
    page, address = site.page, site.waits(word=HOSTILE + "x" * 3_000, amount=2)

    def fits() -> None:
        assert page.overflow() <= 0
        assert page.contrast() >= READABLE
        assert page.problems() == []

    page.window(size, dark=dark)
    page.goto(url=address)
    page.problems()  # that it was 401
    fits()
    site.log_in(address)
    assert r"</td><script>document.title='owned'</script><img src=x onerror=alert(1)>\u{202e}\u{200b}" in page.text()
    page.unfold(summary="Change it")
    page.unfold(summary="Let such calls")
    assert r"\u202e\u200b" in page.value(label="All its arguments")
    fits()
    page.fill(label="All its arguments", text='{"word": "plain", "amount": 2}')
    page.press(button="Show what that changes")
    fits()
    page.goto(url=f"{site.base}/approvals")
    fits()


@contextlib.contextmanager
def elsewhere(html: str) -> Iterator[str]:
    """A page of another site, on another port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(html)))
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 - the library's own name

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_no_page_of_another_site_shows_ours_in_a_frame_or_sends_its_form(site: Site) -> None:
    """Both are of the same site to a browser (another port), so that his cookie comes along."""
    page, address = site.page, site.waits(word="d", amount=1)
    site.log_in(address)
    with elsewhere(f'<iframe src="{address}" width="800" height="600"></iframe>') as frame:
        page.goto(url=frame)
        assert "May this call be made?" not in page.frame()
        assert "a status of 403" in " ".join(page.problems())
    form = f'<form method="post" action="{address}"><button name="decision" value="approved">Win</button></form>'
    with elsewhere(form) as trap:
        page.goto(url=trap)
        assert page.press(button="Win") == 403
    assert address.endswith(approval_in(site.call(word="d", amount=1)))
    assert site.arrived("d") == []
