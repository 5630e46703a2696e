"""Text from elsewhere, safe to look at: what is invisible, or would steer a terminal, is spelled out. Pure."""

import unicodedata

__all__ = ["shortened", "visible"]

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e"}
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str) -> str:
    """The text on one line: control, bidi, zero-width, private and unassigned characters stand as `\\u{202e}`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def shortened(text: str, width: int) -> str:
    """Made visible, and cut in the middle to `width` characters with the length in place of what is missing."""
    shown = visible(text)
    if len(shown) <= width:
        return shown
    mark = f"…({len(text)} characters)…"
    room = max(2, width - len(mark))
    return f"{shown[: (room + 1) // 2]}{mark}{shown[-(room // 2) :]}"


def _shown(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    return f"\\u{{{ord(character):x}}}" if unicodedata.category(character) in _HIDDEN else character
