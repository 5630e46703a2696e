import pytest
from pydantic import ValidationError

from gateway.config.table import Strings, Table, Template, WebAddress


class Small(Table):
    names: Strings = ()
    text: Template = ""
    url: WebAddress = "http://x"


def test_lists_become_tuples_and_nothing_is_converted() -> None:
    assert Small.model_validate({"names": ["a"]}).names == ("a",)
    with pytest.raises(ValidationError):
        Small.model_validate({"names": [1]})


def test_a_template_is_checked_and_kept_as_it_is() -> None:
    assert Small.model_validate({"text": "a ${B}"}).text == "a ${B}"
    with pytest.raises(ValidationError):
        Small.model_validate({"text": "${"})


@pytest.mark.parametrize("url", ["ftp://x", "x", "http://", "http://x:0", "http://[::1"])
def test_an_address_is_of_the_web_and_not_repeated_when_it_is_not(url: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        Small.model_validate({"url": url})
    assert wrong.value.errors()[0]["msg"].startswith("Value error, must be an http or https address")
