"""Signed messages: the standard's own example, and every other one refused."""

import pytest

from gateway.webhook import ID, SIGNATURE, TIMESTAMP, WINDOW, Flaw, Hook, Message, headers_of, key_of, verified

# https://github.com/standard-webhooks/standard-webhooks, the example of its libraries
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE, NOW, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
KEY = key_of(SECRET)
HEADERS = {ID: MESSAGE, TIMESTAMP: str(NOW), SIGNATURE: SIGNED}


def test_a_message_is_signed_as_the_standard_has_it() -> None:
    assert headers_of(KEY, MESSAGE, NOW + 0.9, BODY) == HEADERS
    assert verified(KEY, HEADERS, BODY, NOW) == Message(MESSAGE, NOW)
    several = {**HEADERS, SIGNATURE: f"v1a,xyz v1,{'A' * 43}= {SIGNED}"}
    assert verified(KEY, several, BODY, NOW + 9) == Message(MESSAGE, NOW)


@pytest.mark.parametrize(
    ("headers", "body", "now", "key"),
    [
        (HEADERS, BODY + b" ", NOW, KEY),
        (HEADERS, BODY, NOW, bytes(32)),
        (HEADERS, BODY, NOW + WINDOW + 1, KEY),
        (HEADERS, BODY, NOW - WINDOW - 1, KEY),
        ({**HEADERS, ID: "other"}, BODY, NOW, KEY),
        ({**HEADERS, TIMESTAMP: str(NOW + 1)}, BODY, NOW, KEY),
        ({**HEADERS, TIMESTAMP: "now"}, BODY, NOW, KEY),
        ({**HEADERS, TIMESTAMP: "-1"}, BODY, NOW, KEY),
        ({**HEADERS, SIGNATURE: ""}, BODY, NOW, KEY),
        ({**HEADERS, SIGNATURE: SIGNED.removeprefix("v1,")}, BODY, NOW, KEY),
        ({**HEADERS, SIGNATURE: SIGNED.replace("v1", "v2")}, BODY, NOW, KEY),
        ({**HEADERS, SIGNATURE: "v1,é"}, BODY, NOW, KEY),
        ({}, BODY, NOW, KEY),
    ],
)
def test_a_message_that_was_changed_or_is_of_another_time_is_not_taken(
    headers: dict[str, str], body: bytes, now: float, key: bytes
) -> None:
    with pytest.raises(Flaw) as caught:
        verified(key, headers, body, now)
    assert SIGNED.removeprefix("v1,") not in str(caught.value)


@pytest.mark.parametrize("secret", ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_***"])
def test_a_secret_that_is_none_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="it is no `whsec_`") as caught:
        key_of(secret)
    assert "c2hvcnQ" not in str(caught.value)


def test_neither_its_key_nor_its_address_is_shown() -> None:
    assert "secret" not in repr(Hook("https://chat.example/secret", b"secret"))
