"""What came bit by bit, where no item tells it. What becomes of it in a reply is in `test_decoding`."""

from providers.openai_responses.drafts import Drafts


def piece(text: str, **more: object) -> dict[str, object]:
    return {"delta": text, **more}


def test_pieces_that_do_not_say_where_they_belong_go_on_with_the_last() -> None:
    drafts = Drafts()
    for given in (piece("a"), piece("b", output_index=3), piece("c")):
        drafts.grown(given, "text")
    assert [item["content"][0]["text"] for item in drafts.completed({}).values()] == ["a", "bc"]
    assert (drafts.has(3, "text"), drafts.has(3, "arguments"), drafts.thought(3)) == (True, False, "")


def test_items_that_tell_all_stay_as_they_are() -> None:
    drafts = Drafts()
    drafts.begun(0, {"type": "function_call", "name": "look"})
    drafts.grown(piece("{}", output_index=0), "arguments")
    done = {"type": "function_call", "name": "look", "arguments": "{}"}
    assert drafts.completed({0: done}) == {0: done}
    assert drafts.completed({}) == {0: {**done, "status": "incomplete"}}
