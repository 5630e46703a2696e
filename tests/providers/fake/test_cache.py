from providers.fake.cache import PromptCache

_LONG = "x" * 8000  # 2000 tokens
_MORE = "y" * 400


def test_a_prompt_that_begins_as_an_earlier_one_comes_from_the_cache() -> None:
    cache = PromptCache()
    assert cache.look("m", [_LONG]) == (0, 2000)
    assert cache.look("m", [_LONG, _MORE]) == (2000, 100)
    assert cache.look("m", [_LONG, _MORE, _MORE]) == (2100, 100)
    assert cache.look("m", [_LONG]) == (2000, 0)


def test_what_stands_before_it_keeps_a_prompt_from_the_cache() -> None:
    cache = PromptCache()
    cache.look("m", [_MORE, _LONG])
    assert cache.look("m", [_LONG, _MORE])[0] == 0


def test_models_share_no_cache_and_short_prompts_are_not_kept() -> None:
    cache = PromptCache()
    cache.look("m", [_LONG])
    assert cache.look("other", [_LONG]) == (0, 2000)
    assert [cache.look("m", [_MORE]), cache.look("m", [_MORE]), cache.look("m", [])] == [(0, 0)] * 3
