"""How our pages look, and what a browser is told to allow them: nothing but this style. Pure.

It follows what the device is set to (light or dark, small or large), and marks what an approver must not overlook by
words and a bar, never by colour alone.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape

from gateway.identity import LOCAL, Identity
from gateway.preview import Line
from gateway.visible import visible

__all__ = ["HEADERS", "rows", "shell", "text_of"]

_STYLE = """
:root{color-scheme:light dark;--ink:#1c1f24;--faint:#5b6472;--paper:#fff;--back:#f3f5f8;--edge:#d5dae1;--go:#0b5cad;
--go-ink:#fff;--mind:#9a4b00;--mind-back:#fff4e5}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--faint:#9aa4b2;--paper:#1b1f26;--back:#12151a;--edge:#343b46;
--go:#6db3f8;--go-ink:#0b1420;--mind:#f0a64a;--mind-back:#2b2317}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:54rem;margin:0 auto;
padding:1rem}
header{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:center;justify-content:space-between;color:var(--faint);
font-size:.9rem}
header form{margin:0}a{color:var(--go)}
main{background:var(--paper);border:1px solid var(--edge);border-radius:.5rem;padding:1rem 1.25rem 1.25rem;
margin-top:.75rem}
h1{font-size:1.4rem;line-height:1.25;margin:.25rem 0 1rem}
table{border-collapse:collapse;width:100%}
th{text-align:left;vertical-align:top;padding:.35rem 1rem .35rem .6rem;font-weight:600;width:7rem;color:var(--faint)}
td{vertical-align:top;padding:.35rem .6rem .35rem 0;font:.94rem/1.45 ui-monospace,monospace;overflow-wrap:anywhere;
white-space:pre-wrap}
tr{border-top:1px solid var(--edge)}tr.again{border-top:0}tr:first-child{border-top:0}
tr.mind{background:var(--mind-back)}tr.mind th{color:var(--mind);box-shadow:inset .25rem 0 var(--mind)}
label{display:block}p{margin:.75rem 0}
input[type=text],input[type=password],select,textarea{display:block;width:100%;margin-top:.25rem;padding:.5rem;
font:inherit;color:inherit;background:var(--paper);border:1px solid var(--edge);border-radius:.35rem}
textarea{font:.94rem/1.45 ui-monospace,monospace;min-height:9rem}
.pick{display:flex;gap:.5rem;align-items:baseline;overflow-wrap:anywhere;font:.94rem/1.45 ui-monospace,monospace}
fieldset{border:0;padding:0;margin:.75rem 0}legend{padding:0}
.say{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.25rem}
button{font:inherit;padding:.55rem 1.1rem;border:1px solid var(--edge);border-radius:.35rem;color:inherit;
background:transparent;cursor:pointer}
button.go{background:var(--go);border-color:var(--go);color:var(--go-ink);font-weight:600}
button:focus-visible,summary:focus-visible,a:focus-visible,input:focus-visible,textarea:focus-visible,
select:focus-visible{outline:.15rem solid var(--go);outline-offset:.1rem}
header button{padding:.15rem .6rem;font-size:.9rem}
details{margin-top:1rem;border-top:1px solid var(--edge);padding-top:.75rem}summary{cursor:pointer;font-weight:600}
@media (max-width:34rem){body{padding:.6rem}main{padding:.75rem}th{display:block;width:auto;padding:.5rem .5rem 0}
td{display:block;padding:.1rem .5rem .4rem}tr.mind td{box-shadow:inset .25rem 0 var(--mind)}
tr.again th{display:none}.say button{flex:1 1 100%}}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_RULES = f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
HEADERS: Mapping[str, str] = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": _RULES,
    "cache-control": "no-store",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # `no-referrer` would have browsers hide where our own forms come from
    "cross-origin-opener-policy": "same-origin",
}
_MIND = frozenset({"changed", "risk", "unlike"})  # what differs, and what may do harm


def text_of(text: str) -> str:
    """A text from elsewhere."""
    return escape(visible(text))


def rows(lines: Sequence[Line]) -> str:
    """A table; a label that comes again is said once."""
    before = ""
    cells = []
    for line in lines:
        again = line.label == before
        kinds = " ".join(name for name, is_so in (("again", again), ("mind", line.label in _MIND)) if is_so)
        label = "" if again else escape(line.label)
        cells.append(f'<tr class="{kinds}"><th scope="row">{label}</th><td>{text_of(line.text)}</td></tr>')
        before = line.label
    return f"<table>{''.join(cells)}</table>"


def shell(title: str, body: str, who: Identity | None = None) -> str:
    """The whole page."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title)} - Toolgate</title><style>{_STYLE}</style></head>"
        f"<body>{_head(who)}<main>{body}</main></body></html>"
    )


def _head(who: Identity | None) -> str:
    if who is None:
        return "<header><span>Toolgate</span></header>"
    name = f"{text_of(who.subject.user)} · {text_of(who.subject.tenant)}"
    out = '<form method="post" action="/approvals/logout"><button type="submit">Log out</button></form>'
    leave = out if who.by != LOCAL else ""
    return f'<header><a href="/approvals">Calls that wait</a><span>{name}</span>{leave}</header>'
