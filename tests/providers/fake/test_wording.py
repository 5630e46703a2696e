import pytest

from providers.fake.anthropic import ANTHROPIC
from providers.fake.chat import CHAT
from providers.fake.checks import Refused
from providers.fake.wire import Complaint
from providers.fake.wording import said

_PATH = ("tools", 0, "name")


@pytest.mark.parametrize(
    ("refused", "anthropic", "openai", "code"),
    [
        (Refused(_PATH, "unknown"), "Extra inputs are not permitted", "Unknown parameter: 'tools[0].name'.",
         "unknown_parameter"),
        (Refused(_PATH, "missing"), "Field required", "Missing required parameter: 'tools[0].name'.",
         "missing_required_parameter"),
        (Refused(_PATH, "type", "string"), "Input should be a valid string",
         "Invalid type for 'tools[0].name': expected string.", "invalid_type"),
        (Refused(_PATH, "value", "should be short"), "Input should be short",
         "Invalid 'tools[0].name': should be short.", "invalid_value"),
        (Refused(_PATH, "rule", "No.", "because"), "No.", "No.", "because"),
    ],
)  # fmt: skip
def test_each_api_says_it_in_its_own_words(refused: Refused, anthropic: str, openai: str, code: str) -> None:
    assert said(ANTHROPIC, refused) == Complaint(400, "invalid", anthropic, "tools.0.name")
    assert said(CHAT, refused) == Complaint(400, "invalid", openai, "tools[0].name", code)


def test_what_concerns_the_whole_request_has_no_place() -> None:
    assert said(ANTHROPIC, Refused((), "rule", "No.")).param is None
    assert said(CHAT, Refused((), "rule", "No.")).param is None
