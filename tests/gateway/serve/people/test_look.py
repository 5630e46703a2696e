"""A page shows what must not be overlooked, says a label once, and is styled by nothing but its own style."""

import base64
import hashlib
import re

from gateway.call import Subject
from gateway.identity import Identity
from gateway.preview import Line
from gateway.serve.people.look import HEADERS, rows, shell, text_of


def test_the_only_style_that_counts_is_the_one_on_the_page() -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", shell("A page", ""), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in HEADERS["content-security-policy"]
    assert "prefers-color-scheme:dark" in style
    assert "url(" not in style


def test_a_label_is_said_once_and_what_changes_or_may_harm_is_marked() -> None:
    table = rows([Line("with", "a = 1"), Line("with", "b = 2"), Line("risk", "may destroy")])
    assert table.count(">with<") == 1
    assert table.count('class="mind"') == 1
    assert '<tr class="mind"><th scope="row">risk</th>' in table


def test_what_is_invisible_in_a_text_is_spelled_out_and_no_markup() -> None:
    assert text_of("<b>\u202e") == r"&lt;b&gt;\u{202e}"


def test_who_is_logged_in_can_log_out() -> None:
    ann = Subject("user:<ann>", "acme")
    assert "user:&lt;ann&gt; · acme" in shell("A page", "", Identity(ann, by="an API key"))
    assert "/approvals/logout" in shell("A page", "", Identity(ann, by="an API key"))
    assert "/approvals/logout" not in shell("A page", "", Identity(ann))
    assert "/approvals/logout" not in shell("A page", "")
