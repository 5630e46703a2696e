"""What has the form of a secret: keys and tokens of well-known services, private keys, passwords in URLs. Pure.

High precision before completeness: each form has a prefix that nothing else has. Texts come from strangers, so the
matching is done by re2, in time linear in the text; most texts hold none of the marks and are not matched at all.
"""

from typing import Final

import re2

__all__ = ["MASK", "masked"]

MASK: Final = "[redacted]"

_FORMS = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s:,.-]*",  # all that follows may be of the key
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{36,}",
    r"\bgithub_pat_[A-Za-z0-9_]{40,}",
    r"\bglpat-[A-Za-z0-9_-]{20,}",
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"\bxapp-[0-9]-[A-Za-z0-9-]{10,}",
    r"\bhooks\.slack\.com/services/[A-Za-z0-9/]{20,}",
    r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",
    r"\bAIza[0-9A-Za-z_-]{35}",
    r"\bya29\.[0-9A-Za-z_-]{20,}",
    r"\bGOCSPX-[0-9A-Za-z_-]{20,}",
    r"\bsk-[A-Za-z0-9_-]{20,}",
    r"\bnpm_[A-Za-z0-9]{36}",
    r"\bpypi-[A-Za-z0-9_-]{50,}",
    r"\bhf_[A-Za-z0-9]{30,}",
    r"\bdo[opr]_v1_[a-f0-9]{64}",
    r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"\btg_[0-9a-f]{12}_[0-9a-f]{64}\b",  # our own
    r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",  # a JSON Web Token
    r"\b[Bb]earer[ \t]+[A-Za-z0-9._~+/-]{20,}=*",
)
_MARKS = (
    *("PRIVATE KEY", "AKIA", "ASIA", "ABIA", "ACCA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-"),
    *("xox", "xapp-", "hooks.slack.com", "k_live_", "k_test_", "AIza", "ya29.", "GOCSPX-", "sk-", "npm_", "pypi-"),
    *("hf_", "_v1_", "SG.", "tg_", "eyJ", "earer"),
)
_SECRET = re2.compile("|".join(_FORMS))
_IN_URL = re2.compile(r"(://[^\s/:@]*:)[^\s/@]+@")


def masked(text: str) -> str:
    """The same text, with `[redacted]` in the place of each secret."""
    if any(mark in text for mark in _MARKS):
        text = _SECRET.sub(MASK, text)
    if "://" in text and "@" in text:
        text = _IN_URL.sub(rf"\1{MASK}@", text)
    return text
