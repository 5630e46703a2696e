import pytest

from providers.fake.chat.makers import NINE, call_id, maker, thought_signature


@pytest.mark.parametrize(("model", "made"), [("gemini-3-pro", "gemini"), ("mistral-large", "mistral"), ("gpt-6", "")])
def test_a_maker_is_known_by_the_names_of_its_models(model: str, made: str) -> None:
    assert maker(model) == made


def test_each_maker_has_ids_of_its_own() -> None:
    assert call_id("gpt-6", "c1_1") == "call_c1_1"
    assert NINE.fullmatch(call_id("mistral-large", "c1_1"))
    assert call_id("mistral-large", "c1_1") != call_id("mistral-large", "c1_2")


def test_a_signature_is_of_one_call() -> None:
    assert thought_signature("call_1") == thought_signature("call_1") != thought_signature("call_2")
