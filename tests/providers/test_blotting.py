"""Whatever form a secret is repeated in, and wherever its pieces are cut, it is not told."""

import base64
import json
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.blotting import HIDDEN, Blotter, Pieces, without

KEY = "sk-hush/hush+key?!xyz"


def _base64(before: str, after: str) -> str:
    return base64.b64encode(f"{before}{KEY}{after}".encode()).decode()


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        quote(KEY, safe=""),
        quote(KEY, safe="").lower(),
        "".join(f"%{byte:02x}" for byte in KEY.encode()),
        json.dumps({"a": KEY}),
        KEY.replace("/", "\\/"),
        *(_base64("u:"[:before], "zz"[:after]) for before in range(3) for after in range(3)),
        base64.urlsafe_b64encode(f"a{KEY}".encode()).decode(),
    ],
)
def test_each_form_of_a_secret_is_blotted_out(form: str) -> None:
    blotter = Blotter([KEY])
    assert HIDDEN in blotter.blotted(f"It is {form}.")
    assert blotter.holds(f"It is {form}.")
    assert not blotter.holds(blotter.blotted(form))


def test_what_is_short_or_says_that_there_is_no_key_is_no_secret() -> None:
    blotter = Blotter(["", "abcde", "ollama"])
    assert not blotter
    assert blotter.blotted("abcde of ollama") == "abcde of ollama"
    assert Pieces(blotter).more("abcde") == "abcde"


def test_it_shows_no_secret_itself() -> None:
    assert "hush" not in repr(Blotter([KEY]))


def test_what_can_be_no_secret_is_told_at_once() -> None:
    pieces = Pieces(Blotter([KEY]))
    assert [pieces.more(piece) for piece in ("so ", "ask", "-k", "-h")] == ["so ", "a", "sk-k", "-h"]
    assert (pieces.more("s"), pieces.rest(), pieces.rest()) == ("", "s", "")


_CUTS = st.lists(st.integers(0, 200), max_size=12)
_SECRETS = st.lists(st.sampled_from([KEY, "sk-hush", "hush+key?!xyz and more", "aaaaaa", "aaaaaaaab"]), max_size=4)
_TEXTS = st.lists(
    st.sampled_from([KEY, "sk-hush", "sk-", "hush+key?!xyz and more", "aaaaaaaa", "b", " ", "é", _base64("a", "")])
)


@given(_SECRETS, _TEXTS, _CUTS)
def test_wherever_it_is_cut_a_text_comes_out_without_secrets(
    secrets: list[str], words: list[str], cuts: list[int]
) -> None:
    text, blotter = "".join(words), Blotter(secrets)
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    pieces = Pieces(blotter)
    told = "".join(pieces.more(text[a:b]) for a, b in pairwise(places)) + pieces.rest()
    assert told == blotter.blotted(text)


def test_every_text_of_a_json_value_is_blotted_its_names_too() -> None:
    blotter = Blotter(["s3cret-key"])
    given = {"a s3cret-key": ["s3cret-key", 5, None, {"b": "none"}], "c": True}
    assert without(given, blotter) == {"a ***": ["***", 5, None, {"b": "none"}], "c": True}
