"""Whether the words beside a number leave it what it is. Pure; errs to no.

Nobody knows every word that multiplies or divides (`500 grand`, `500 Tsd`, `twice 500`, `one million 500`). So it is
the other way round: a number stands for itself where right before it and right behind it there is nothing, the end of
a sentence or a line, or one of a few words that are known to do nothing to it.
"""

import re
import unicodedata

__all__ = ["BETWEEN", "CLOSE", "END", "GROUPING", "OPEN", "is_currency", "is_plain_after", "is_plain_before"]

OPEN = "\"'`([{<\u00ab\u201c\u2018\u201e"
CLOSE = "\"'`)]}>\u00bb\u201d\u2019"
END = ".,;:!?"
GROUPING = ".,'`\u00b4_\u00b7\u02bc\u02d9\u066b\u066c\u2018\u2019\u2032"
BETWEEN = (
    GROUPING + " \t\r\n\f\v\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)

_PARTS = frozenset("\u00a2\uffe0\u20a5\u20b0")  # of a unit: cents, mills, pfennigs


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_UNITS = _set(
    "eur euro euros usd dollar dollars gbp pound pounds chf franc francs franken jpy yen cny yuan inr rupee"
    " rupees aud cad nzd sgd hkd sek nok dkk krona kronor krone kroner kronen pln zloty czk huf brl mxn peso"
    " pesos zar rand krw won ils"
)
_BEFORE = _set(
    "pay paid refund reimburse send transfer wire give charge credit debit order buy book reserve spend"
    " donate withdraw deposit approve release set use to for at from in on is was be equals exactly precisely"
    " only just most least please amount price value total sum cost costs budget limit quantity qty count"
    " number no nr id invoice ticket issue case customer client account employee user room page line item max"
    " maximum minimum him her them me us you zahle zahlen \u00fcberweise \u00fcberweisen erstatte erstatten"
    " sende schicke bestelle buche genau bitte ist betrag summe preis f\u00fcr auf an nummer rechnung"
    " bestellung kunde ihm ihr ihnen mir uns"
)
_AFTER = _set(
    "to for from at on in into via as if when because now today tomorrow then please asap immediately back"
    " total only max maximum is was people persons items pieces copies tickets units an auf f\u00fcr von aus"
    " bitte jetzt heute morgen sofort zur\u00fcck insgesamt personen leute st\u00fcck"
)
_OF = _set("amount total sum price payment refund deposit transfer budget limit fee cost invoice betrag summe preis")
# Where a sign parts them, these few are looked for.
_RECKONS = _set(
    "minus negative plus less more times multiplied divided over x e per percent percents permille prozent"
    " pct dozen dozens k m b g mn bn tn mm mil mio mrd tsd grand lakh lakhs crore crores hundred hundreds"
    " thousand thousands million millions billion billions trillion trillions tausend hundert millionen"
    " milliarde milliarden mille cent cents milliards millones ct cts pence penny pennies rappen half halve"
    " double triple twice thrice once quarter third each both doppelt halb h\u00e4lfte zweimal dreimal"
    " jeweils je one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty"
    " sixty seventy eighty ninety ein eine zwei drei vier f\u00fcnf sechs sieben acht neun zehn"
)
_ALSO = _set("and or und oder")
_TO = _set("to bis an auf")
_PARTED = END + GROUPING + "#"  # what stands before or behind these says something else
_AROUND = OPEN + CLOSE + END + "#"
_POWER = re.compile(r"\d[\d\W]*[^\W\d]")  # `2x`, `0e`
_MAIL = re.compile(r"\w@\w+\.\w")
_WORD = re.compile(r"\w+")
_LAST = re.compile(r"\S+\Z")


def is_currency(sign: str) -> bool:
    """Of a whole unit: `500\u00a2` are five."""
    return unicodedata.category(sign) == "Sc" and sign not in _PARTS


def is_plain_before(text: str, *, strict: bool) -> bool:
    """Whether what a text ends with does nothing to a number behind it. Not `strict`: only what surely does is none."""
    rest, unit = text, False
    while left := rest.rstrip():
        if left[-1] in OPEN or is_currency(left[-1]):
            rest = left[:-1]
            continue
        before, token = _last(left)
        if not strict or left[-1] in _PARTED or "\n" in rest[len(left) :]:
            return not (token in _RECKONS or _POWER.match(token))
        if unit or token not in _UNITS:
            return _leaves_what_follows(token, before)
        rest, unit = before, True
    return True


def _leaves_what_follows(token: str, before: str) -> bool:
    rest = before.rstrip()
    word = _last(rest)[1] if rest else ""
    if token in _ALSO:
        return rest.endswith((",", ";")) and word not in _RECKONS
    if token in ("of", "von"):
        return word in _OF
    if token in _TO and rest[-1:].isnumeric():  # from one to the other
        return False
    apart = rest.endswith(tuple(END))
    return (token in _BEFORE or _MAIL.search(token) is not None) and (apart or word not in _RECKONS)


def _last(text: str) -> tuple[str, str]:
    """What is before the last word, and that, without signs around it."""
    found = _LAST.search(text)
    return (text[: found.start()], found[0].strip(_AROUND).casefold()) if found else (text, "")


def is_plain_after(text: str, *, strict: bool) -> bool:
    """Whether what a text begins with does nothing to a number before it."""
    rest, unit = text, False
    while right := rest.lstrip():
        if right[0] in CLOSE or is_currency(right[0]):
            rest = right[1:]
            continue
        word, then = _first(right)
        if not strict or right[0] in _PARTED or right[0] in OPEN or "\n" in rest[: len(rest) - len(right)]:
            return word not in _RECKONS
        if unit or word not in _UNITS:
            return _leaves_what_was_before(word, then)
        rest, unit = then, True
        if not _ends_word(then):
            return False
    return True


def _leaves_what_was_before(word: str, then: str) -> bool:
    if word not in _AFTER or not _ends_word(then):
        return False
    more = then.lstrip()
    return _first(more)[0] not in _RECKONS and not (word in _TO and more[:1].isnumeric())


def _first(text: str) -> tuple[str, str]:
    """The first word, and what is behind it."""
    found = _WORD.search(text)
    return (found[0].casefold(), text[found.end() :]) if found else ("", "")


def _ends_word(then: str) -> bool:
    return not then or then[0].isspace() or then[0] in END + CLOSE
