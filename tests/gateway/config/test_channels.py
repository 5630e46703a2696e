"""How people are asked, as toolgate.toml says it."""

import pytest
from pydantic import ValidationError

from gateway.config.channels import ApprovalsConfig, WebhookConfig


def test_no_client_is_asked_about_its_own_calls_unless_the_admin_says_so() -> None:
    assert ApprovalsConfig.model_validate({}).ask_clients is False
    assert ApprovalsConfig.model_validate({"ask_clients": True}).ask_clients is True
    with pytest.raises(ValidationError):
        ApprovalsConfig.model_validate({"ask_clients": "yes"})


def test_a_run_has_room_for_one_question_at_least() -> None:
    assert ApprovalsConfig.model_validate({}).questions == 20
    assert ApprovalsConfig.model_validate({"questions": 3}).questions == 3
    with pytest.raises(ValidationError):
        ApprovalsConfig.model_validate({"questions": 0})


def test_people_answer_over_http_where_they_log_in_and_need_a_scope_of_its_own() -> None:
    given = ApprovalsConfig.model_validate({})
    assert (given.http, given.scopes, given.url, given.webhook) == (None, ("approvals",), None, None)
    assert ApprovalsConfig.model_validate({"url": "https://gate.example/"}).url == "https://gate.example"


@pytest.mark.parametrize("url", ["http://gate.example", "https://gate.example/x", "gate.example", "https://u@h", 3])
def test_where_people_reach_it_is_an_https_address_without_a_path(url: object) -> None:
    with pytest.raises(ValidationError):
        ApprovalsConfig.model_validate({"url": url})


HOOK: dict[str, object] = {"url": "https://chat.example/x?y=1", "secret": "${HOOK}", "users": {"U1": "user:bob"}}


def test_a_webhook_has_its_secret_from_the_environment_and_says_who_is_who() -> None:
    found = WebhookConfig.model_validate(HOOK)
    assert (found.users, found.tenant) == ({"U1": "user:bob"}, None)
    assert "chat.example" not in repr(found)


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "whsec_c2VjcmV0"},
        {"url": "http://chat.example"},
        {"users": {"U1": "role:admin"}},
        {"users": {"U1": "*"}},
        {"tenant": "a b"},
        {"more": 1},
    ],
)
def test_a_webhook_that_would_not_be_safe_is_refused_without_its_values(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        WebhookConfig.model_validate(HOOK | wrong)
    assert "c2VjcmV0" not in str(caught.value)
