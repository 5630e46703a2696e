"""Text from elsewhere, safe to look at: what is invisible, or would steer a terminal, is spelled out. Pure.

What a person approves must be what the tool gets: no character may hide another one, or itself.
"""

import unicodedata

__all__ = ["hides", "shortened", "visible", "visible_lines"]

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e"}
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters, marks and symbols that show nothing: Unicode's Default_Ignorable_Code_Point outside of those categories
# (DerivedCoreProperties.txt), among them the variation selectors, which can carry a whole text; and the empty Braille.
_BLANK = (
    (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2800, 0x2800), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xE0100, 0xE01EF),
)  # fmt: skip


def visible(text: str) -> str:
    """The text on one line: control, bidi, zero-width, blank, private and unassigned characters as `\\u{202e}`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def visible_lines(text: str) -> str:
    """The same of a text of our own that has several lines."""
    return text if text.isascii() and text.isprintable() else "\n".join(map(visible, text.split("\n")))


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
    return f"\\u{{{ord(character):x}}}" if hides(character) else character


def hides(character: str) -> bool:
    """Whether one character shows nothing, or changes how others are shown."""
    code = ord(character)
    return unicodedata.category(character) in _HIDDEN or any(first <= code <= last for first, last in _BLANK)
