"""How people are asked, as toolgate.toml says it."""

import pytest
from pydantic import ValidationError

from gateway.config.channels import ApprovalsConfig


def test_no_client_is_asked_about_its_own_calls_unless_the_admin_says_so() -> None:
    assert ApprovalsConfig.model_validate({}).ask_clients is False
    assert ApprovalsConfig.model_validate({"ask_clients": True}).ask_clients is True
    with pytest.raises(ValidationError):
        ApprovalsConfig.model_validate({"ask_clients": "yes"})
