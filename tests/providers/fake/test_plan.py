import pytest

from providers import Message, Text
from providers.fake.anthropic import ANTHROPIC
from providers.fake.chat import CHAT
from providers.fake.plan import Action, End, Head, Pause, Send, complaint_of, planned, refusal
from providers.fake.responses import RESPONSES
from providers.fake.wire import Format, Told, body, frame
from providers.scripted.faults import parsed
from tests.fixtures.fake import told

_SAID = Message("assistant", (Text("One two three."),))
_HEADERS = {"request-id": "req_1"}


def _told(*, stream: bool = True) -> Told:
    found = told(_SAID)
    return found if stream else Told(type(found.ask)(found.ask.request, stream=False), found.reply, found.number)


def _plan(fault: str | None, form: Format = ANTHROPIC, *, stream: bool = True) -> list[Action]:
    return list(planned(form, _told(stream=stream), parsed(fault) if fault else None, _HEADERS))


def _sent(actions: list[Action]) -> bytes:
    return b"".join(action.data for action in actions if isinstance(action, Send))


WHOLE = b"".join(frame(event) for event in ANTHROPIC.events(_told()))


def test_a_reply_without_a_fault_is_its_events_and_an_end_in_good_order() -> None:
    head, *_, end = actions = _plan(None)
    assert head == Head(
        200, {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", **_HEADERS}
    )
    assert (_sent(actions), end) == (WHOLE, End())


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        ("cut after=2", End()),
        ("drop after=2", End("drop")),
        ("reset after=2", End("reset")),
        ("hang after=2", End("hang")),
    ],
)
def test_a_stream_breaks_off_after_so_many_events(fault: str, end: End) -> None:
    actions = _plan(fault)
    assert len([action for action in actions if isinstance(action, Send)]) == 2
    assert WHOLE.startswith(_sent(actions))
    assert actions[-1] == end


@pytest.mark.parametrize("fault", ["cut after=-1", "cut after=999"])
def test_a_stream_that_breaks_off_never_says_that_all_came(fault: str) -> None:
    sent = _sent(_plan(fault))
    assert b"message_delta" in sent
    assert b"message_stop" not in sent


def test_a_reset_before_the_first_event_comes_before_the_headers() -> None:
    assert _plan("reset after=0") == [End("reset")]
    assert _plan("drop after=0") == [End("drop")]
    assert [type(action) for action in _plan("cut after=0")] == [Head, End]


def test_an_event_that_is_no_json_stands_amid_the_others() -> None:
    actions = _plan("garbled after=2")
    garbled = [action.data for action in actions if isinstance(action, Send)][2]
    assert garbled == b'event: garbled\ndata: {"type": "content_block_del\n\n'
    assert _sent(actions).replace(garbled, b"") == WHOLE


def test_an_event_that_nobody_knows_stands_amid_the_others() -> None:
    assert _sent(_plan("unknown-event after=2")).replace(frame(ANTHROPIC.unknown), b"") == WHOLE
    assert frame(CHAT.unknown) in _sent(_plan("unknown-event", CHAT))


@pytest.mark.parametrize("form", [ANTHROPIC, RESPONSES, CHAT])
def test_an_event_with_a_number_for_a_text_stands_amid_the_others(form: Format) -> None:
    mistyped = frame(form.mistyped)
    whole = b"".join(frame(event) for event in form.events(_told()))
    sent = _sent(_plan("wrong-type after=2", form))
    assert (sent.replace(mistyped, b""), b":7" in mistyped) == (whole, True)
    assert sent != whole


def test_an_error_ends_the_stream() -> None:
    actions = _plan("error after=2 type=api_error message=no")
    last = [action.data for action in actions if isinstance(action, Send)][-1]
    assert b'"type":"api_error","message":"no"' in last
    assert (WHOLE.startswith(_sent(actions).removesuffix(last)), actions[-1]) == (True, End())


def test_a_slow_stream_comes_byte_by_byte() -> None:
    actions = _plan("slow ms=3")
    assert _sent(actions) == WHOLE
    assert all(len(action.data) == 1 for action in actions if isinstance(action, Send))
    assert {action.seconds for action in actions if isinstance(action, Pause)} == {0.003}
    assert sum(action.event for action in actions if isinstance(action, Send)) == WHOLE.count(b"\n\n")


def test_a_whole_answer_says_how_long_it_is() -> None:
    sent = body(ANTHROPIC.whole(_told()))
    assert _plan(None, stream=False) == [
        Head(200, {"content-type": "application/json", **_HEADERS}, len(sent)),
        Send(sent),
        End(),
    ]
    assert _sent(_plan("slow ms=1", stream=False)) == sent


@pytest.mark.parametrize(
    ("fault", "end", "honest"),
    [("cut", End(), True), ("garbled", End(), True), ("drop", End("drop"), False), ("hang", End("hang"), False)],
)
def test_a_whole_answer_breaks_off_in_its_middle(fault: str, end: End, honest: bool) -> None:
    whole = body(ANTHROPIC.whole(_told()))
    head, *_, last = actions = _plan(fault, stream=False)
    assert isinstance(head, Head)
    assert (_sent(actions), last) == (whole[: len(whole) // 2], end)
    assert (head.length == len(_sent(actions))) == honest


def test_a_whole_answer_that_fails_is_an_error_with_its_status() -> None:
    head, sent, _ = _plan("error status=503", stream=False)
    assert isinstance(head, Head)
    assert isinstance(sent, Send)
    assert (head.status, b"overloaded_error" in sent.data) == (503, True)
    assert _plan("reset after=0", stream=False) == [End("reset")]


@pytest.mark.parametrize(
    ("wait", "header"),
    [("900", "900"), ("2.5", "2.5"), ("soon", "soon"), ("date:30", "Thu, 01 Jan 1970 00:01:30 GMT"), (None, None)],
)
def test_a_refusal_says_when_to_come_back(wait: str | None, header: str | None) -> None:
    head, *_ = refusal(ANTHROPIC, complaint_of(parsed("429")), _HEADERS, wait, now=60.0)
    assert isinstance(head, Head)
    assert (head.status, head.headers.get("retry-after")) == (429, header)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("400", "invalid"),
        ("401", "auth"),
        ("404", "not_found"),
        ("429", "rate_limit"),
        ("500", "server"),
        ("529", "overloaded"),
    ],
)
def test_a_status_is_a_kind_of_error(fault: str, kind: str) -> None:
    assert complaint_of(parsed(fault)).kind == kind
