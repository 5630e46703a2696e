"""Budgets over many runs, on the path of a call: over a real store and real servers."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.booking import Booking
from gateway.budget import Limits, Spend
from gateway.call import Answered, Outcome, Subject, outcome_from_json
from gateway.clients import ClientRun
from gateway.events import Budgeted, Denied, Event, Held, Paused, Returned
from gateway.results import client_result, denied_text
from gateway.store import run_account
from gateway.tolls import META
from tests.fixtures.parts import (
    ANN,
    BOB,
    PATIENCE,
    RULES,
    Replies,
    Stage,
    arrivals,
    calls,
    gate,
    opened,
    says,
    tally,
)

CAROL = Subject("user:carol", "acme")
ALLOW_ALL = RULES + "p, *, *, */*, call, , allow, everybody works here\ng, user:ann, role:desk, *\n"


@contextlib.asynccontextmanager
async def client(stage: Stage, who: Subject = ANN, limits: Limits = Limits()) -> AsyncIterator[ClientRun]:  # noqa: B008
    async with asyncio.timeout(PATIENCE), stage.clients(limits).run(who, "a test") as run:
        yield run


def on_stage(folder: Path, budgets: str, scenario: Callable[[Stage], Any], **more: Any) -> None:
    async def play() -> None:
        async with opened(folder, tally(folder), budgets=budgets, **{"rules": ALLOW_ALL, **more}) as stage:
            await scenario(stage)

    asyncio.run(play())


async def made(run: ClientRun, tool: str = "desk/look", **arguments: Any) -> bool:
    return isinstance(await run.call(tool, arguments), Returned)


def test_of_200_parallel_calls_of_several_runs_against_10_exactly_10_are_made(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as one, client(stage) as two, client(stage) as three:
            runs = [one, two, three]
            results = await asyncio.gather(*(runs[n % 3].call("desk/look", {"amount": n}) for n in range(200)))
        assert len(arrivals(tmp_path)) == 10
        denied = [result for result in results if isinstance(result, Denied)]
        assert {(no.gate, no.retry_after) for no in denied} == {("within_budget", None)}
        assert len(denied) == 190
        (taken,) = (await stage.taken("b")).values()
        assert taken == Spend(tool_calls=10)

    on_stage(tmp_path, '[budgets.b]\neach = "subject"\ntool_calls = 10', scenario)


def test_each_subject_has_an_account_of_its_own_in_each_window(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as ann, client(stage, CAROL) as carol:
            assert [await made(ann), await made(ann), await made(carol)] == [True, False, True]
        assert sorted(await stage.taken("b")) == [
            f"budget:b|tenant=acme,subject=user:{name}|{_day():014d}" for name in ("ann", "carol")
        ]

    def _day() -> int:
        return int(time.time()) // 86_400 * 86_400

    on_stage(tmp_path, '[budgets.b]\neach = "subject"\ntool_calls = 1\nper = "day"', scenario)


def test_a_call_that_its_client_gives_up_or_that_is_never_answered_is_billed(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with gate() as held, client(stage) as run:
            call = asyncio.ensure_future(run.call("desk/hold", {"port": held.port}))
            await held.arrived()
            call.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await call
            held.open.set()
            assert await made(run, "desk/die", amount=1)
        async with client(stage) as another:  # a session more changes nothing
            assert not await made(another)
        rows = await stage.files.booked("budget:b|")
        assert [(row.used, row.reserved) for row in rows] == [(2, 0)]

    on_stage(tmp_path, '[budgets.b]\neach = "subject"\ntool_calls = 2', scenario)


def test_a_denied_call_costs_nothing_and_says_when_it_may_fit(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            assert await made(run)
            results = [await run.call("desk/look", {}) for _ in range(3)]
        for result in results:
            assert isinstance(result, Denied)
            assert result.retry_after is not None
            assert 0 <= result.retry_after <= 86_400
            assert "the budget `b` of 1 tool call is used up (1 tool call taken)" in result.why
        assert [spend.tool_calls for spend in (await stage.taken("b")).values()] == [1]

    on_stage(tmp_path, '[budgets.b]\ntool_calls = 1\nper = "day"', scenario)


@pytest.mark.parametrize(
    ("scope", "fits"),
    [
        ('server = "desk"', False),
        ('server = "shop"', True),
        ('tool = "desk/l*"', False),
        ('tool = "desk/put"', True),
        ('subject = "user:ann"', False),
        ('subject = "user:bob"', True),
        ('role = "role:desk"', False),
        ('role = "role:other"', True),
        ('tenant = "acme"', False),
        ('tenant = "other"', True),
        ('agent = "agent:*"', True),
        ('model = "*"', True),
        ('each = "session"', False),
        ('each = "run"', False),
        ('each = "arguments"', False),
        ('each = ["tenant", "role", "server"]', False),
    ],
)
def test_a_budget_counts_what_it_is_about(tmp_path: Path, scope: str, fits: bool) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            assert await made(run)
            assert await made(run) == fits

    on_stage(tmp_path, f"[budgets.b]\ntool_calls = 1\n{scope}", scenario)


def test_the_strictest_counts_and_what_does_not_fit_is_taken_of_none(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            assert [await made(run) for _ in range(3)] == [True, True, False]
        for name in ("wide", "narrow"):
            assert list((await stage.taken(name)).values()) == [Spend(tool_calls=2)]

    on_stage(tmp_path, "[budgets.wide]\ntool_calls = 3\n[budgets.narrow]\ntool_calls = 2", scenario)


def test_people_are_asked_about_what_passes_a_limit_and_their_yes_counts_once(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            assert await made(run, "desk/put", word="a")
            held = await run.call("desk/put", {"word": "b"})
            assert isinstance(held, Held)
            assert held.why == "the budget `b` of 1 tool call is used up (1 tool call taken)"
            await stage.approving.decide(BOB, held.approval_id, "approved", "")
            assert await made(run, "desk/put", word="b")
            assert isinstance(await run.call("desk/put", {"word": "b"}), Held)
        assert len(arrivals(tmp_path)) == 2
        assert list((await stage.taken("b")).values()) == [Spend(tool_calls=2)]

    on_stage(tmp_path, '[budgets.b]\ntool_calls = 1\nthen = "ask"', scenario)


def test_of_parallel_calls_as_many_are_made_as_fit_and_people_are_asked_about_the_others(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            results = await asyncio.gather(*(run.call("desk/look", {"amount": n}) for n in range(20)))
        assert [type(result) for result in results].count(Returned) == 3
        assert [type(result) for result in results].count(Held) == 17

    on_stage(tmp_path, '[budgets.b]\ntool_calls = 3\nthen = "ask"', scenario)


def test_what_is_only_told_lets_everything_pass(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            assert [await made(run) for _ in range(3)] == [True] * 3
            told = [event.left[0] for event in await stage.events(run.run_id) if isinstance(event, Budgeted)]
        assert [(left["left"], left["low"]) for left in told] == [(1, False), (0, True), (0, True)]

    on_stage(tmp_path, '[budgets.b]\ntool_calls = 2\nthen = "tell"', scenario)


def test_errors_are_counted_when_they_happen(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            assert [await made(run, "desk/look") for _ in range(5)] == [True] * 5
            assert [await made(run, "desk/fail") for _ in range(3)] == [True, True, False]
            assert await made(run, "desk/look")

    on_stage(tmp_path, '[budgets.b]\neach = ["run", "tool"]\nerrors = 2', scenario)


def test_the_same_error_again_and_again_is_stopped_and_another_one_is_not(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            others = ("no such order 17", "out of stock", "not today", "no such customer")
            assert [await made(run, "desk/fail", says=text) for text in others] == [True] * 4
            assert await made(run, "desk/fail", says="No such order 18")
            assert await made(run, "desk/fail", says="out of stock")
            assert await made(run, "desk/fail", says="no such order 19")
            assert not await made(run, "desk/fail", says="something new")  # who knows? Its tool is in a loop
            assert await made(run, "desk/look")
            assert isinstance(await run.call("desk/fail", {}), Denied)
        (taken,) = [spend for name, spend in (await stage.taken("b")).items() if "fail" in name]
        assert taken == Spend(errors=3)

    on_stage(tmp_path, '[budgets.b]\neach = ["run", "tool", "error"]\nerrors = 3', scenario)


def test_parallel_calls_with_the_same_error_are_made_no_more_often_than_that(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            results = await asyncio.gather(*(made(run, "desk/fail", n=n) for n in range(20)))
        assert sum(results) == len(arrivals(tmp_path)) == 3

    on_stage(tmp_path, '[budgets.b]\neach = ["run", "error"]\nerrors = 3', scenario)


def test_the_same_call_again_and_again_is_asked_about(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            assert [await made(run, word="a") for _ in range(3)] == [True, True, False]
            assert await made(run, word="b")
            assert isinstance(await run.call("desk/look", {"word": "a"}), Held)

    on_stage(tmp_path, '[budgets.loop]\neach = ["run", "arguments"]\ntool_calls = 2\nthen = "ask"', scenario)


def test_time_is_reserved_as_far_as_there_is_any_and_the_call_may_take_that_long(tmp_path: Path) -> None:
    seen: list[float] = []

    class Timed:
        def __init__(self, servers: Any) -> None:
            self._servers = servers

        def __getattr__(self, name: str) -> Any:
            return getattr(self._servers, name)

        async def forward(self, call: Any, *, timeout: float, **more: Any) -> Outcome:
            seen.append(timeout)
            return Answered({"content": []})

    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            assert await made(run)
        (taken,) = (await stage.taken("b")).values()
        assert taken.millis < 1500

    on_stage(tmp_path, '[budgets.b]\nwall_time = "1500ms"', scenario, around_upstream=Timed)
    assert seen == [1.5]


def test_questions_to_people_are_counted_and_joined_ones_are_not(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            first, again = await run.call("desk/send", {"word": "a"}), await run.call("desk/send", {"word": "a"})
            assert isinstance(first, Held)
            assert isinstance(again, Held)
            assert first.approval_id == again.approval_id
            more = await run.call("desk/send", {"word": "b"})
            assert isinstance(more, Denied)
            assert "1 question more would pass the limit of 1 question of the budget `b`" in more.why
            assert len(await stage.files.approvals()) == 1

    on_stage(tmp_path, "[budgets.b]\nquestions = 1", scenario)


def test_a_run_of_ours_that_asks_people_too_often_pauses(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__send", {"word": "a"}), ("desk__send", {"word": "b"})), says("Done."))
        run = await stage.drive(await stage.queued(limits=Limits(questions=1)), model)
        assert (run.status, run.budget_spent) == ("paused", "questions")
        assert len(await stage.files.approvals()) == 1

    on_stage(tmp_path, "", scenario)


def test_a_run_of_ours_is_refused_the_call_or_stopped_as_the_admin_says(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__look", {}), ("desk__put", {})), calls(("desk__put", {})), says("Done."))
        run = await stage.drive(await stage.queued(), model)
        denied = [event for event in await stage.events() if isinstance(event, Denied)]
        assert [(no.path, no.gate) for no in denied] == [("desk/put", "within_budget")] * 2
        assert run.status == "succeeded"
        stage.booking.budgets.write('[budgets.b]\ntool = "desk/put"\ntool_calls = 1\nthen = "stop"')  # type: ignore[attr-defined]
        again = Replies(calls(("desk__put", {})), calls(("desk__put", {})), says("Done."))
        run = await stage.drive(await stage.queued("run-2"), again)
        assert (run.status, run.budget_spent) == ("paused", "tool_calls")
        paused = next(event for event in await stage.events("run-2") if isinstance(event, Paused))
        assert "the budget `b` of 1 tool call is used up" in paused.why
        assert (paused.budget, run.budget) == ("b", "b")
        stage.booking.budgets.write('[budgets.b]\ntool = "desk/put"\ntool_calls = 9\nthen = "stop"')  # type: ignore[attr-defined]
        assert (await stage.drive("run-2", again)).status == "succeeded"

    budgets = '[budgets.none]\ntool = "desk/put"\ntool_calls = 1\nerrors = 1\n'
    on_stage(tmp_path, budgets, _after_one_put(scenario))


def _after_one_put(scenario: Callable[[Stage], Any]) -> Callable[[Stage], Any]:
    async def play(stage: Stage) -> None:
        async with client(stage) as run:
            assert await made(run, "desk/put")
        await scenario(stage)

    return play


def test_of_a_budget_that_others_spend_too_a_model_reads_only_what_is_reserved(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(says("Done."))
        await stage.drive(await stage.queued(limits=Limits(tokens=9000)), model)
        (story,) = [e for e in await stage.events() if isinstance(e, Budgeted)]
        (reserved,) = story.accounts.values()
        assert [request.most_input for request in model.requests] == [reserved["input_tokens"]]

    on_stage(tmp_path, '[budgets.m]\nmodel = "tiny"\ninput_tokens = "9k"', scenario)


def test_models_are_counted_before_they_answer_and_by_what_they_really_took_after(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__look", {})), says("Done."))
        run = await stage.drive(await stage.queued(), model)
        assert run.status == "succeeded"
        (taken,) = (await stage.taken("m")).values()
        assert taken == Spend(model_calls=2, tokens=60, input_tokens=40, output_tokens=20, nanos=2 * 40_000)
        (story,) = [e for e in await stage.events() if isinstance(e, Budgeted) and e.key == "t1/model"]
        (reserved,) = story.accounts.values()
        assert reserved["output_tokens"] == 100  # its longest reply

    most = ("model_calls = 9", 'tokens = "9k"', 'input_tokens = "9k"', 'output_tokens = "9k"', "usd = 9")
    budget = "\n".join(["[budgets.m]", 'model = "tiny"', *most])
    on_stage(tmp_path, budget, scenario)


def test_a_model_that_does_not_fit_any_more_pauses_the_run_and_says_which_budget_it_was(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__look", {})), says("Done."))
        run = await stage.drive(await stage.queued(), model)
        assert (run.status, run.budget_spent) == ("paused", "model_calls")
        assert ("of the budget `m`" in run.cause, run.budget) == (True, "m")
        stage.booking.budgets.write("[budgets.m]\nmodel_calls = 2")  # type: ignore[attr-defined]
        assert (await stage.drive("run-1", model)).status == "succeeded"
        assert len(arrivals(tmp_path)) == 1

    on_stage(tmp_path, "[budgets.m]\nmodel_calls = 1", scenario)


def test_an_orphan_of_a_crash_is_repeated_in_the_accounts_that_it_had(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        class Dying(Exception):
            pass

        async def die(*_: Any, **__: Any) -> Outcome:
            raise Dying

        model = Replies(calls(("desk__put", {})), says("Done."))
        await stage.queued()
        stage.upstream.forward = die  # type: ignore[method-assign]
        with pytest.raises(Dying):
            await stage.drive("run-1", model)
        del stage.upstream.forward
        assert list((await stage.taken("b")).values()) == [Spend(tool_calls=1)]
        assert (await stage.drive("run-1", model)).status == "succeeded"
        assert list((await stage.taken("b")).values()) == [Spend(tool_calls=1)]
        assert len(arrivals(tmp_path)) == 1

    on_stage(tmp_path, "[budgets.b]\ntool_calls = 1", scenario)


def test_an_orphan_that_may_not_be_repeated_counts_as_made(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async def die(*_: Any, **__: Any) -> Outcome:
            raise RuntimeError

        model = Replies(calls(("desk__fail", {})), says("Done."))
        await stage.queued()
        stage.upstream.forward = die  # type: ignore[method-assign]
        with pytest.raises(RuntimeError):
            await stage.drive("run-1", model)
        assert (await stage.drive("run-1", model)).status == "waiting"
        assert list((await stage.taken("b")).values()) == [Spend(tool_calls=1)]
        assert await stage.files.spend("budget:b|") == Spend(tool_calls=1)

    on_stage(tmp_path, "[budgets.b]\ntool_calls = 1", scenario)


def test_without_such_budgets_nothing_is_looked_up_and_nothing_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(stage: Stage) -> None:
        monkeypatch.setattr(Booking, "bill", None)
        async with client(stage) as run:
            result = await run.call("desk/look", {})
            assert isinstance(result, Returned)
            assert isinstance(outcome_from_json(result.outcome), Answered)
            story: list[Event] = await stage.events(run.run_id)
        assert not [event for event in story if isinstance(event, Budgeted)]

    on_stage(tmp_path, "[clients]\ntool_calls = 5", scenario)


def test_a_tool_costs_what_the_admin_says_or_what_its_result_says_within_that(tmp_path: Path) -> None:
    told = iter(["0.01", "99", "nan"])

    class Dear:
        def __init__(self, servers: Any) -> None:
            self._servers = servers

        def __getattr__(self, name: str) -> Any:
            return getattr(self._servers, name)

        async def forward(self, call: Any, **more: Any) -> Outcome:
            return Answered({"content": [], "_meta": {META: next(told)}})

    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            assert [await made(run, "desk/look") for _ in range(3)] == [True] * 3
            account = run_account(run.run_id)
            assert (await stage.files.spend(account)).nanos == 10_000_000 + 2 * 50_000_000
            refused = await run.call("desk/put", {})
            assert isinstance(refused, Denied)
            assert refused.why == "nobody knows what `desk/put` costs, and what is not known is refused"
        assert [spend.nanos for spend in (await stage.taken("b")).values()] == [110_000_000]

    budgets = '[budgets.b]\nusd = 9\n[prices]\n"desk/look" = { at_most = "$0.05" }\n"*/*" = "refuse"'
    on_stage(tmp_path, budgets, scenario, around_upstream=Dear)


@pytest.mark.parametrize(
    ("lines", "passes"),
    [
        ("usd = 9", False),
        ('usd = 9\ntool = "desk/*"', False),
        ('usd = 9\n[prices]\n"shop/*" = "$0.10"', False),
        ('usd = 9\n[prices]\n"desk/*" = "refuse"', False),
        ('usd = 9\n[prices]\n"desk/*" = "$0.10"', True),
        ('usd = 9\n[prices]\n"desk/*" = "free"', True),
        ('usd = 9\n[prices]\n"desk/*" = 0', True),
        ('usd = 9\ntool = "shop/*"', True),
        ('usd = 9\nmodel = "*"', True),
        ('usd = 9\nthen = "tell"', True),
        ("tool_calls = 9", True),
    ],
)
def test_a_tool_is_never_silently_free_where_its_money_counts(tmp_path: Path, lines: str, passes: bool) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            assert await made(run) is passes

    on_stage(tmp_path, f"[budgets.b]\n{lines}", scenario)


def test_money_that_tools_cost_counts_in_the_budget_of_the_run_too(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage, limits=Limits(nanos=250_000_000)) as run:
            assert [await made(run) for _ in range(3)] == [True, True, False]

    on_stage(tmp_path, '[prices]\n"desk/*" = "$0.10"', scenario)


def test_calls_that_come_too_fast_are_told_when_they_may_come_again(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as ann, client(stage, CAROL) as carol:
            results = await asyncio.gather(*(ann.call("desk/look", {"amount": n}) for n in range(20)))
            denied = [result for result in results if isinstance(result, Denied)]
            assert len(denied) == 17
            assert {(no.gate, no.retry_after) for no in denied} <= {("within_budget", wait) for wait in (1199, 1200)}
            assert "the rate `r` for tenant=acme,subject=user:ann,tool=desk/look is one call in 20 min" in denied[0].why
            assert "It may fit again in 20 min; not before." in denied_text(denied[0])
            assert client_result(denied[0], None)["_meta"]["toolgate/verdict"]["retry_after"] in (1199, 1200)
            assert await made(ann, "desk/put")
            assert await made(carol)

    on_stage(tmp_path, '[rates.r]\nrate = "3/hour"', scenario)


def test_a_client_is_told_what_is_left_and_so_is_the_trace(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            results = [await run.call("desk/look", {}) for _ in range(3)]
        told = [client_result(result, outcome_from_json(result.outcome)) for result in results]  # type: ignore[union-attr, arg-type]
        assert [one["_meta"]["toolgate/budgets"] for one in told] == [
            [{"budget": "b", "unit": "tool_calls", "left": left, "limit": 3, "low": left == 0}] for left in (2, 1, 0)
        ]
        spans = [span for span in stage.recorder.spans if span.name == "tool.call"]
        assert [span.attributes.get("toolgate.budgets.low") for span in spans] == [None, None, ["b/tool_calls"]]

    on_stage(tmp_path, "[budgets.b]\ntool_calls = 3", scenario)


def test_a_model_is_told_what_runs_low(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__look", {})), calls(("desk__look", {})), says("Done."))
        assert (await stage.drive(await stage.queued(), model)).status == "succeeded"
        told = ["Little is left" in request.messages[-1].text for request in model.requests]
        assert told == [False, False, True]
        assert "0 tool calls of 2 tool calls (`b`)" in model.requests[-1].messages[-1].text

    on_stage(tmp_path, "[budgets.b]\ntool_calls = 2", scenario)


def test_reading_and_listing_cost_nothing(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            await run.read("desk://x")
            assert await made(run)

    on_stage(tmp_path, "[budgets.b]\ntool_calls = 1", scenario)


def test_what_was_reserved_in_one_window_is_settled_in_the_same(tmp_path: Path) -> None:
    """An account is named by its window once, when the call is admitted."""

    async def scenario(stage: Stage) -> None:
        async with client(stage) as run:
            assert await made(run)
        ((name, taken),) = (await stage.taken("b")).items()
        (told,) = [event for event in await stage.events(run.run_id) if isinstance(event, Budgeted)]
        assert list(told.accounts) == [name]
        assert taken == replace(Spend(), tool_calls=1)

    on_stage(tmp_path, '[budgets.b]\ntool_calls = 3\nper = "minute"\nsliding = true', scenario)
