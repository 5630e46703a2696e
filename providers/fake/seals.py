"""What a model seals, and takes back only unchanged: signatures of thinking, encrypted reasoning. Pure.

The key is no secret: a seal only shows whether somebody changed what it stands under.
"""

import base64
import hashlib
import hmac

__all__ = ["opened", "seal", "signature"]

_KEY = b"a fake model's seal"


def signature(text: str) -> str:
    """A signature of a text, as Anthropic's thinking blocks carry one."""
    return base64.b64encode(hmac.digest(_KEY, text.encode("utf-8", "surrogatepass"), hashlib.sha256)).decode()


def seal(text: str) -> str:
    """The text, sealed: OpenAI's `encrypted_content`. (It is only signed: `opened` reads it.)"""
    return "gAAA" + base64.urlsafe_b64encode(f"{signature(text)}{text}".encode("utf-8", "surrogatepass")).decode()


def opened(sealed: str) -> str | None:
    """The text under a seal of ours; None if it is not one, or was changed."""
    try:
        whole = base64.urlsafe_b64decode(sealed.removeprefix("gAAA")).decode("utf-8", "surrogatepass")
    except ValueError:
        return None
    mark, text = whole[:44], whole[44:]
    return text if hmac.compare_digest(mark.encode(), signature(text).encode()) else None
