"""Where an address of the web leads, however it is written: by the readings in which it is judged."""

import pytest

from gateway.aliases import alike, readings
from gateway.weburls import leads_to

WEB = "https://secret.example/x"


@pytest.mark.parametrize(
    "uri",
    [
        "https:secret.example/x",
        "https:/secret.example/x",
        "https:///secret.example/x",
        "https:\\\\secret.example\\x",
        "hTTps://secret.example/x",
        "https://ann:pass@secret.example/x",
        "https://ann@bob@secret.example/x",
        "https://secret.example.:0443/x",
        "https://secret.example:/x",
        "https://secret\u3002example/x",
        "https://\uff53ecret.example/x",
        "https://\u24e2ecret.example/x",
        "https://sec\u00adret.example/x",
        "https://sec\u200bret.example/x",
        "https://%73ecret%2eexample/x",
        "https://secret.example/a/../x",
        "https:%2f%2fsecret.example%2fx",
    ],
)
def test_what_leads_to_the_same_host_is_read_as_one(uri: str) -> None:
    assert WEB in readings(uri)
    assert alike(uri, WEB)


@pytest.mark.parametrize(
    ("uri", "other"),
    [
        ("http://2130706433/x", "http://127.0.0.1/x"),
        ("http://0x7f.1/x", "http://127.0.0.1/x"),
        ("http://0177.0.0.1/x", "http://127.0.0.1/x"),
        ("http://[0:0::1]:80/x", "http://[::1]/x"),
        ("https://b\u00fccher.example/x", "https://xn--bcher-kva.example/x"),
        ("https://xn--bcher-kva.example/x", "https://b\u00fccher.example/x"),
        ("https://stra\u00dfe.example/x", "https://strasse.example/x"),
        ("https://stra\u00dfe.example/x", "https://xn--strae-oqa.example/x"),
        ("https://secret.example", "https://secret.example/"),
        ("https://secret.example?a", "https://secret.example/?a"),
        ("https://intranet", "https://intranet/"),
        ("ws://a.example:80/x", "ws://a.example/x"),
        ("https://a.example:8443/x#y", "https://a.example:8443/x"),
    ],
)
def test_of_an_address_of_the_web_a_reading_is_found(uri: str, other: str) -> None:
    assert other in readings(uri)


@pytest.mark.parametrize(
    "uri", ["https://[::1/x", "https://xn--\x80/x", "https://\ud800/x", "https:", "https://@:/", "https://a\u2400b/x"]
)
def test_what_leads_nowhere_is_read_without_fail(uri: str) -> None:
    assert uri not in readings(uri)


@pytest.mark.parametrize("uri", ["docs://a.example/x", "file:///x", "urn:isbn:1", "", "nothing"])
def test_what_is_not_of_the_web_leads_nowhere(uri: str) -> None:
    assert leads_to(uri) == ()
