"""Ours first, then each server's under its name."""

from gateway.offer import About
from gateway.serve.instructions import MOST, OURS, instructions


def test_the_servers_instructions_follow_ours_under_their_names() -> None:
    servers = {"crm": About("Ask for customers.\n"), "mute": About(" "), "shop": About("Sells.")}
    assert instructions(servers) == f"{OURS}\n\n# crm\n\nAsk for customers.\n\n# shop\n\nSells."
    assert instructions({}) == OURS


def test_a_talkative_server_is_cut() -> None:
    text = instructions({"crm": About("x" * (MOST + 1)), "shop": About("y" * MOST)})
    assert "x" * MOST + " ... (cut)" in text
    assert text.endswith("y" * MOST)
