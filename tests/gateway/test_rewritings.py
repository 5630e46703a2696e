"""Other ways to read a text, beside what stands there."""

import time

import pytest

from gateway.rewritings import rewritings


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("eve@evil.exam<wbr>ple", ["eve@evil.example", "eve@evil.exam ple"]),
        ("<b>eve</b>@<i>evil</i>.example", ["eve@evil.example", " eve @ evil .example"]),
        ("e<i title=\"a>b\" class='>'>v</i>e", ["eve", "e v e"]),
        ("e<!-- a <b>c</b> -->ve", ["eve", "e ve"]),
        ("e<i it's>ve", ["eve", "e ve"]),
        ("1 < 2 and 3 > 2", []),
        ("ask b-o-b and exam**ple** now", ["bob example**"]),
        ("2026-11-26", []),
        ("at 2001:db8::1.", ["2001:0db8:0000:0000:0000:0000:0000:0001"]),
        ("http://[2001:DB8:0:0:0:0:0:1]:80/", ["2001:0db8:0000:0000:0000:0000:0000:0001"]),
        ("::ffff:10.0.0.1", ["0000:0000:0000:0000:0000:ffff:0a00:0001\n10.0.0.1"]),
        ("std::vector", []),
        ("pay 1e3 or 1.5E+2", ["1000\n150"]),
        ("a1e3", []),
        ("nothing of it", []),
    ],
)
def test_what_is_read_beside_what_stands_there(text: str, read: list[str]) -> None:
    assert list(rewritings(text)) == read


@pytest.mark.parametrize("piece", ["<a", '<a "', "<!--", "<a b='\"", "-a", "*", ":", "1e", "f:", "a-", "9.", "<a>"])
def test_it_takes_time_that_grows_with_the_text(piece: str) -> None:
    began = time.process_time()
    list(rewritings(piece * (256 * 1024 // len(piece))))
    assert time.process_time() - began < 5
