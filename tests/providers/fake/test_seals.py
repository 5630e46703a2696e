import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.fake.seals import opened, seal, signature


@given(st.text())
def test_what_is_sealed_opens_again(text: str) -> None:
    assert opened(seal(text)) == text


@given(st.text(), st.text())
def test_two_texts_have_one_signature_only_if_they_are_the_same(one: str, other: str) -> None:
    assert (signature(one) == signature(other)) == (one == other)


@pytest.mark.parametrize("sealed", ["", "gAAA", "gAAAxyz", "nothing of ours", seal("Hm.")[:-4], "gAAA" + "A" * 80])
def test_what_was_changed_does_not_open(sealed: str) -> None:
    assert opened(sealed) is None
