from datetime import datetime

import pytest

from gateway.budget import Limits, Spend
from gateway.call import Answered, InDoubt, Refused, Unsent, outcome_to_json
from gateway.cli.lines import Said, budget_line, line, recap
from gateway.conversation import (
    AnswerRejected,
    Carried,
    Compacted,
    Interrupted,
    ModelChosen,
    Pinned,
    Searched,
    UserSpoke,
)
from gateway.events import (
    EVENTS,
    Admitted,
    Budgeted,
    Cancelled,
    Decided,
    Denied,
    Doubted,
    Event,
    Failed,
    Held,
    Imported,
    LimitsRaised,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Obliged,
    Paused,
    Queued,
    Recognised,
    Resolved,
    Resumed,
    Returned,
    Started,
    Succeeded,
    Waited,
)
from gateway.later import Deferred, Notified, Slept, Woke
from gateway.run import Run
from tests.builders import NOON

KEY = "t1/call/1"
HERE = datetime.fromtimestamp(NOON / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")
CALLS = {KEY: Said("shop/refund", '{"amount":5}')}
LOW = {"budget": "team", "unit": "nanos", "left": 500_000_000, "limit": 5_000_000_000, "low": True}
EVIL = "\x1b[2J\u202e"


def returned(outcome: Answered | Refused | Unsent | InDoubt) -> Returned:
    return Returned(KEY, dict(outcome_to_json(outcome)), {})


READS = [
    (
        AnswerRejected(1, "of[1]", "this text is too long"),
        "✗ the answer does not fit its schema | of[1]: this text is too long",
    ),
    (AnswerRejected(1, "", "it is empty"), "✗ the answer does not fit its schema | it is empty"),
    (Queued("loop", "user:ann", "acme", "agent:desk", "demo", "hi"), "▸ agent:desk for user:ann · acme · demo | hi"),
    (Queued("client", "user:ann", "acme", input="an editor"), "▸ user:ann · acme | an editor"),
    (Denied(KEY, "shop/refund", "{}", "permitted", "no", "p.csv:3"), "✗ shop/refund {} | denied: no  [p.csv:3]"),
    (Denied(KEY, "shop/refund", "{}", "valid", "no amount"), "✗ shop/refund {} | denied: no amount"),
    (Denied(KEY, "shop/refund", "{}", "reachable", "it is away"), "✗ shop/refund {} | not reached: it is away"),
    (
        Held(KEY, "shop/refund", "A-0123456789ab", "a second person", "p.csv:3"),
        "? shop/refund is held as A-01234567 | a person must agree: a second person  [p.csv:3]",
    ),
    (Decided(KEY, "A-1", "approved", "user:bob"), "! approved by user:bob: shop/refund | "),
    (Decided(KEY, "A-1", "denied", "user:bob", "no"), "! denied by user:bob: shop/refund | no"),
    (Decided("t9/call/1", "A-1", "expired", "the clock"), "! expired by the clock: t9/call/1 | "),
    (returned(Answered({"content": []})), '✓ shop/refund {"amount":5} | '),
    (returned(Answered({"isError": True})), '✓ shop/refund {"amount":5} | the tool reports an error'),
    (returned(Refused(-1, "bad")), '✗ shop/refund {"amount":5} | the server refused: bad'),
    (returned(Unsent("gone")), '✗ shop/refund {"amount":5} | not sent: gone'),
    (returned(InDoubt("silence")), '? shop/refund {"amount":5} | no answer: silence'),
    (
        Obliged(KEY, {"redact": ["ssn", "@secrets"], "timeout": 2.0, "dry_run": True}, ("p.csv:4", "p.csv:5")),
        "· shop/refund: with duties | redact=ssn @secrets; timeout=2.0; dry_run  [p.csv:4, p.csv:5]",
    ),
    (
        Budgeted(KEY, {"budget:team|": {"nanos": 1}}, [LOW, LOW | {"low": False}]),
        "· shop/refund: left of the budget | `team`: $0.5 of $5",
    ),
    (Doubted(KEY, "silence"), f"? shop/refund ({KEY}): nobody knows whether it happened | silence"),
    (Resolved(KEY, "did_not_happen", "user:bob", "seen"), "! shop/refund: did not happen, says user:bob | seen"),
    (Waited("approval"), "‖ waiting for a person's approval | "),
    (Waited("doubt"), "‖ waiting for a person to say what became of a call | "),
    (Waited("user", "auth: the key is wrong"), "✗ no answer | auth: the key is wrong"),
    (Waited("user"), "‖ waiting for the user | "),
    (UserSpoke("And tomorrow?", "user:ann"), "▸ user:ann | And tomorrow?"),
    (Interrupted("user:ann"), "‖ stopped by user:ann | "),
    (Pinned("It is summer.", "user:ann"), "! pinned | It is summer."),
    (ModelChosen("big", "user:ann"), "! goes on with the model big | "),
    (Searched(KEY, "refund", ["shop/refund", "bank/send"], ()), "· looked for tools: refund | shop/refund, bank/send"),
    (Searched(KEY, "moon", [], ()), "· looked for tools: moon | nothing"),
    (Searched(KEY, "", [], (), True), "✗ looked for tools in a way that can't be read | "),
    (
        Compacted(7, 9, 5, "In short.", 99, left_out={"messages": 4, "results": 2, "bytes": 90_000}, by="demo"),
        "~ 4 messages and 2 results are told no more | 90,000 bytes; a summary of demo stands for them",
    ),
    (
        Compacted(7, 9, 0, "", 99, 9, 64, left_out={"messages": 0, "results": 0, "bytes": 7}),
        "~ long parts are told no more | 7 bytes",
    ),
    (Carried({"run": "r-0", "seq": 12}, [{}], 0), "▸ goes on from run r-0 seq 12 | 1 messages"),
    (Deferred(KEY, NOON, 1), "↻ shop/refund: attempt 1 came to nothing | it is made again"),
    (Slept(KEY, NOON), f"· the model waits for a moment | until {HERE}"),
    (Slept(KEY, NOON, "paid"), f"· the model waits for news of paid | until {HERE}"),
    (Woke(KEY), "▸ the moment has come | "),
    (Notified("paid", '{"a":1}', "user:bob"), '! news from user:bob | paid: {"a":1}'),
    (Imported("user:bob"), "! taken in from a file by user:bob | what was before is what the file says"),
    (Waited("timer", until=NOON), f"‖ waiting for a moment | until {HERE}"),
    (Waited("event", until=NOON), f"‖ waiting for news | until {HERE}"),
    (LimitsRaised({"tokens": 2000, "nanos": 10**9}, "user:bob"), "! budget raised to 2,000 tokens, $1 by user:bob | "),
    (ModelFailed(1, "overloaded", "come back", True), "✗ the model failed (overloaded) | come back"),
    (
        ModelFailed(1, "overloaded", "come back", True, {}, "anthropic:a", "again"),
        "↻ anthropic:a failed (overloaded): it is asked again | come back",
    ),
    (
        ModelFailed(1, "auth", "no such key", True, {}, "anthropic:a", "openai:b"),
        "↻ anthropic:a failed (auth): openai:b goes on | no such key",
    ),
    (
        ModelFailed(1, "server", "", True, then="again", delay=1.249),
        "↻ the model failed (server): it is asked again in 1.2 s | ",
    ),
    (ModelFailed(1, "server", "", True, then="again"), "↻ the model failed (server): it is asked again | "),
    (ModelFailed(1, "lost", "cut", True, {"tokens": 20}), "‖ the model's reply was lost | cut"),
    (ModelFailed(1, "lost", "it was stopped", True), "‖ the model was not asked again yet | it was stopped"),
    (Paused("budget", "spent", "tokens"), "‖ paused (budget) | spent"),
    (Resumed("people answered"), "▸ resumed | people answered"),
    (Resumed("it was resumed"), "▸ resumed | "),
    (Succeeded("Done."), "■ done | "),
    (Failed("auth", "the key is wrong"), "■ failed (auth) | the key is wrong"),
    (Failed("script", "s.yaml:3:5: expected x"), "■ failed: the script can't go on | s.yaml:3:5: expected x"),
    (Cancelled("user:bob", "enough"), "■ cancelled by user:bob | enough"),
]  # fmt: skip

SILENT: list[Event] = [
    Started("host/1/a"),
    ModelAsked(1, {}),
    ModelAnswered(1, {"role": "assistant", "parts": []}, "stop", "demo", {}, {}),
    Recognised(KEY, 17.5),
    Admitted(KEY, "shop/refund", "{}", "pin", "policy", {}),
    Budgeted(KEY, {"budget:team|": {"nanos": 1}}, [LOW | {"low": False}]),
    ModelFailed(1, "auth", "the key is wrong", False),  # the run ends with it, and says why
]

HOSTILE: list[Event] = [
    AnswerRejected(1, EVIL, EVIL),
    Queued("client", "user:ann", "acme", None, EVIL, EVIL),
    Denied(KEY, EVIL, EVIL, "known", EVIL),
    Held(KEY, EVIL, "A-1", EVIL),
    Decided(KEY, "A-1", "denied", EVIL, EVIL),
    returned(Refused(-1, EVIL)),
    returned(InDoubt(EVIL)),
    Obliged(KEY, {EVIL: [EVIL]}, (EVIL,)),
    Budgeted(KEY, {}, [LOW | {"budget": EVIL}]),
    Doubted(KEY, EVIL),
    Resolved(KEY, "happened", EVIL, EVIL),
    ModelFailed(1, "network", EVIL, True),
    Paused("budget", EVIL),
    Failed(EVIL, EVIL),
    Cancelled(EVIL, EVIL),
    LimitsRaised({}, EVIL),
    Resumed(EVIL),
    Waited("user", EVIL),
    UserSpoke(EVIL, EVIL),
    Interrupted(EVIL),
    Pinned(EVIL, "user:ann"),
    ModelChosen(EVIL, "user:ann"),
    Searched(KEY, EVIL, [EVIL], ()),
    Compacted(7, 9, 5, EVIL, 99, by=EVIL),
    Carried({"session": EVIL}, [], 0),
    Slept(KEY, NOON, EVIL),
    Notified(EVIL, EVIL, EVIL),
    Imported(EVIL),
]


@pytest.mark.parametrize(("event", "reads"), READS)
def test_each_fact_reads_on_one_line(event: Event, reads: str) -> None:
    described = line(event, CALLS)
    assert described is not None
    assert f"{described.mark} {described.text} | {described.detail}" == reads


def test_every_kind_of_fact_reads_or_is_for_the_machine() -> None:
    assert all(line(event, {}) is None for event in SILENT)
    assert {type(event) for event, _ in READS} | {type(event) for event in SILENT} == set(EVENTS.values())


@pytest.mark.parametrize("event", HOSTILE)
def test_nothing_that_others_wrote_steers_the_terminal(event: Event) -> None:
    described = line(event, {KEY: Said(EVIL, EVIL)})
    assert described is not None
    text = f"{described.text}{described.detail}"
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_budget_reads_as_people_write_it() -> None:
    limits = Limits(turns=30, tokens=500_000, nanos=5 * 10**9, millis=1_800_000)
    spend = Spend(turns=2, tokens=1240, nanos=3_100_000, millis=300)
    assert budget_line(limits, spend) == "2 of 30 turns · 1,240 of 500,000 tokens · $0.0031 of $5 · 0.3 s of 30 min"
    assert budget_line(Limits(), spend) == "no limits"


def test_long_arguments_are_cut_in_the_middle_with_their_length() -> None:
    said = str(Said("shop/refund", '{"note":"' + "x" * 500 + '"}'))
    assert len(said) < 120
    assert "(511 characters)" in said


def test_a_run_that_is_taken_up_again_is_told_in_a_line() -> None:
    run = Run("r-1", "waiting", input="Order a \x1b[2J" + "light " * 20, spend=Spend(turns=2, tool_calls=1))
    told = recap(run)
    assert told.text.startswith("Order a \\e[")
    assert told.text.endswith("  goes on after 2 turns and 1 tool call")
    assert told.detail == "all of it: toolgate runs show r-1"
    ended = recap(Run("r-1", "failed", cause="auth: the key is wrong"))
    assert ended.text.endswith("has ended (failed) after 0 turns and 0 tool calls")
    assert ended.detail == "auth: the key is wrong · all of it: toolgate runs show r-1"
