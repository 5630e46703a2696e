from providers.fake.anthropic import ANTHROPIC
from providers.fake.chat import CHAT
from providers.fake.models import listed, one


def test_models_are_listed_in_the_form_of_each_api() -> None:
    anthropic = listed(ANTHROPIC, ["a", "b"])
    assert [model["id"] for model in anthropic["data"]] == ["a", "b"]
    assert (anthropic["first_id"], anthropic["last_id"], anthropic["has_more"]) == ("a", "b", False)
    openai = listed(CHAT, ["a", "b"])
    assert (openai["object"], [model["id"] for model in openai["data"]]) == ("list", ["a", "b"])


def test_one_model_says_what_it_is() -> None:
    assert one(ANTHROPIC, "a")["type"] == "model"
    assert one(CHAT, "a")["object"] == "model"
