from gateway.wording import did_you_mean, listed


def test_a_typing_mistake_is_answered_with_the_right_word() -> None:
    assert did_you_mean("PAHT", ["path", "synchronous"]) == "did you mean `path`?"


def test_a_word_like_no_other_is_answered_with_the_list_when_it_is_short() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == "known: `a`, `b`"
    assert did_you_mean("zzz", [str(number) for number in range(100)]) == ""
    assert did_you_mean("zzz", []) == ""


def test_words_are_listed_in_backticks() -> None:
    assert listed(["a", "b"]) == "`a`, `b`"
