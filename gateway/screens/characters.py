r"""Text that is not what it looks like, as RE2 patterns. Pure.

Honest text has some of this: an emoji is joined by zero-width joiners, Persian and Hindi words hold them, a variation
selector follows an emoji or an ideograph, three flags are spelled in tag characters, Arabic has direction marks. So
joiners count beside Latin letters only, selectors only in rows or after a letter, and the marks U+200E, U+200F and
U+061C not at all. Sources: Unicode Technical Reports 36 and 39; Unicode's Default_Ignorable_Code_Point.
"""

import re
from collections.abc import Mapping

from gateway.screens.finding import Kind, Severity

__all__ = ["CHARACTERS", "FLAGS", "HIDDEN", "spelled"]

# U+E0020 to U+E007E mirror ASCII, show nothing, and models read them.
_TAGS = r"[\x{E0000}-\x{E007F}]+"
_ZERO_WIDTH = r"\x{AD}\x{34F}\x{180B}-\x{180E}\x{200B}\x{2060}-\x{2065}\x{206A}-\x{206F}\x{FEFF}\x{FFF9}-\x{FFFB}"
_BLANK = r"\x{115F}\x{1160}\x{17B4}\x{17B5}\x{3164}\x{FFA0}\x{1D173}-\x{1D17A}\x{E0080}-\x{E00FF}\x{E01F0}-\x{E0FFF}"
_JOINER = r"\x{200C}\x{200D}"
_SELECTOR = r"\x{FE00}-\x{FE0F}\x{E0100}-\x{E01EF}"
_INVISIBLE = (
    rf"[{_ZERO_WIDTH}{_BLANK}]+",
    rf"[{_JOINER}]{{2,}}|[\x00-\x{{24F}}][{_JOINER}]",
    rf"[{_SELECTOR}]{{2,}}|[A-Za-z ][{_SELECTOR}]",
)
_BIDI = r"[\x{202A}\x{202B}\x{202D}\x{202E}\x{2066}-\x{2068}]"
_STEERING = r"[\x00-\x08\x0E-\x1F\x7F\x{80}-\x{84}\x{86}-\x{9F}]+"  # not U+0085, a line's end of old
# Letters of Greek and Cyrillic that look like Latin ones; not those that formulas and units need, such as Δ and Ω.
_LIKE_LATIN = (
    0x391, 0x392, 0x395, 0x396, 0x397, 0x399, 0x39A, 0x39C, 0x39D, 0x39F, 0x3A1, 0x3A4, 0x3A5, 0x3A7, 0x3BF,
    0x405, 0x406, 0x408, 0x410, 0x412, 0x415, 0x41A, 0x41C, 0x41D, 0x41E, 0x420, 0x421, 0x422, 0x425, 0x430,
    0x435, 0x43E, 0x440, 0x441, 0x443, 0x445, 0x455, 0x456, 0x458, 0x4BB, 0x501, 0x51B, 0x51D,
)  # fmt: skip
_FOREIGN = "[" + "".join(rf"\x{{{code:X}}}" for code in _LIKE_LATIN) + "]"
_MIXED = f"[A-Za-z]{_FOREIGN}|{_FOREIGN}[A-Za-z]"

CHARACTERS: Mapping[Kind, tuple[tuple[str, Severity], ...]] = {
    "hidden_text": (
        (_TAGS, "high"),
        ("|".join(_INVISIBLE), "medium"),
    ),
    "bidi": ((_BIDI, "high"),),
    "terminal_escape": ((_STEERING, "high"),),
    "look_alike": ((_MIXED, "medium"),),
}

# Whatever shows nothing, taken out of a text before its words are read: one class, so Python's own `re` is linear.
_SHOWS_NOTHING = rf"[\x{{E0000}}-\x{{E007F}}{_ZERO_WIDTH}{_BLANK}{_JOINER}{_SELECTOR}]+"
HIDDEN = re.compile(re.sub(r"\\x\{(\w+)\}", lambda code: rf"\U{code[1]:0>8}", _SHOWS_NOTHING))

# The only emoji that are spelled in tags: the flags of England, Scotland and Wales (Unicode Technical Standard 51).
FLAGS = re.compile(
    "\U0001f3f4\U000e0067\U000e0062(?:"
    "\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073"
    ")\U000e007f"
)


def spelled(tags: str) -> str:
    """What tag characters say to those who can read them: `\\u{e0068}\\u{e0069}` is `hi`."""
    return "".join(chr(ord(tag) - 0xE0000) for tag in tags if 0xE0020 <= ord(tag) < 0xE007F)
