from gateway.policy.logic import UNDECIDED
from gateway.policy.samples import numbers, samples, texts


def test_numbers_have_one_below_one_above_and_one_between() -> None:
    assert numbers([3, 10, 10.5, True, "x"]) == [2, 3, 6, 10, 10.25, 10.5, 11.5]
    assert numbers([]) == [0]


def test_texts_have_the_first_and_the_next() -> None:
    assert texts(["b", "a"]) == ["", "a", "a\x00", "b", "b\x00"]


def test_only_values_that_can_be_are_tried() -> None:
    assert samples("now.hour", "number", [30]) == tuple(range(24))
    assert samples("now.weekday", "weekday", []) == ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    assert samples("run.calls", "number", [2]) == (0, 1, 2, 3)
    assert samples("len(args.a)", "number", [1, 2]) == (UNDECIDED, 0, 1, 2, 3)
    assert samples("args.a", "any", []) == (UNDECIDED, {})
    assert samples("args.a", "any", [None, True, 5, "x", ["y"]])[1:] == (
        {}, None, True, False, 4, 5, 6, "", "x", "x\x00", [], ["y"],
    )  # fmt: skip
