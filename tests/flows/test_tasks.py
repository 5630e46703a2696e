"""Tasks, through a gateway that is a process of its own: those of the servers behind it, and its own, for calls that
wait for a person. A client that does not know tasks is answered as ever.
"""

import asyncio
import contextlib
import json
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest

from gateway.approval import PLAIN, Terms
from gateway.call import Answered, Arguments, InDoubt, Outcome, TaskCreated, outcome_from_json
from gateway.events import Admitted, Decided, Denied, Held, Returned
from gateway.task import EXTENSION
from tests.fixtures.everything.starting import command
from tests.fixtures.served import FIXTURES, Gateway, Place, Wire, approval_in, request, text_of

Json = dict[str, Any]

ASK = "p, *, *, tally/*, call, , ask, a person looks at it"
ALLOW = "p, *, *, */*, call, , allow, whatever it is"
TASKS: Json = {"extensions": {EXTENSION: {}}}
CAPABLE: Json = {**TASKS, "elicitation": {}}
MISSING: Json = {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.policy(ALLOW, ASK)
    return made


@pytest.fixture
def servers(tmp_path: Path) -> Mapping[str, Any]:
    """One that counts what arrives, and one that makes tasks."""
    tally = {"command": sys.executable, "args": [str(FIXTURES / "tally_server.py"), str(tmp_path / "calls")]}
    program, *arguments = command("stdio", "--era", "modern")
    root = str(FIXTURES.parents[1])
    jobs = {"command": program, "args": arguments, "cwd": root}
    return {"tally": {**tally, "era": "legacy"}, "jobs": {**jobs, "era": "modern"}}


def arrived(place: Place) -> list[Json]:
    """The calls that got through to `tally`, oldest first."""
    file = place.folder / "calls"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


class Client:
    """A modern client that knows tasks, and can be asked."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def ask(self, method: str, params: Json, declared: Json = CAPABLE) -> Json:
        return self.wire.ask(method, {**params, "_meta": {types.CLIENT_CAPABILITIES_META_KEY: declared}})

    def call(self, name: str, arguments: Json | None = None) -> Json:
        result: Json = self.ask("tools/call", {"name": name, "arguments": arguments or {}})["result"]
        return result

    def get(self, task_id: str) -> Json:
        result: Json = self.ask("tasks/get", {"taskId": task_id})["result"]
        return result

    def until(self, task_id: str, wanted: Callable[[Json], bool]) -> Json:
        """The first state of the task that is wanted."""
        while not wanted(state := self.get(task_id)):
            assert state["status"] == "working" or state["status"] == "input_required", state
        return state


@contextlib.contextmanager
def served(place: Place, servers: Mapping[str, Any], *more: str) -> Iterator[tuple[Client, Gateway]]:
    with place.serve(servers, *more) as gateway, gateway.client("modern") as wire:
        yield Client(wire), gateway


def ended(state: Json) -> bool:
    return state["status"] in ("completed", "failed", "cancelled")


def outcomes(place: Place) -> list[Outcome]:
    return [outcome_from_json(fact.outcome) for fact in place.facts() if isinstance(fact, Returned)]


# ---- calls that wait for a person


def test_a_call_that_waits_for_a_person_is_a_task_that_ends_with_the_tools_result(
    place: Place, servers: Mapping[str, Any]
) -> None:
    with served(place, servers) as (client, _):
        created = client.call("tally__send", {"word": "a"})
        task = created["taskId"]
        assert (created["resultType"], created["status"]) == ("task", "working")
        assert task in created["statusMessage"]
        assert "content" not in created
        assert created["ttlMs"] == 7 * 24 * 3600 * 1000
        waiting = client.get(task)
        assert (waiting["resultType"], waiting["status"]) == ("complete", "working")
        assert arrived(place) == []
        place.decide(task)
        state = client.until(task, ended)
        assert state["status"] == "completed"
        assert not state["result"].get("isError")
        assert client.get(task)["result"] == state["result"]  # as often as one likes
    assert [call["arguments"] for call in arrived(place)] == [{"word": "a"}]
    admitted = [fact for fact in place.facts() if isinstance(fact, Admitted)]
    assert [fact.approval_id for fact in admitted] == [task]


def answered(place: Place, task: str, who: str, terms: Terms = PLAIN) -> None:
    """As somebody answers in another process."""
    with place.store() as store:
        asyncio.run(store.decide(task, "approved", who, "", terms))


def test_what_a_person_changed_is_what_its_task_makes_and_tells(place: Place, servers: Mapping[str, Any]) -> None:
    with served(place, servers) as (client, _):
        task = client.call("tally__send", {"word": "a"})["taskId"]
        answered(place, task, "user:bob", Terms(edited=Arguments.parse({"word": "b"})))
        state = client.until(task, ended)
        assert state["status"] == "completed"
        assert not state["result"].get("isError"), state
        assert 'word: "a" -> "b"' in json.dumps(state["result"]).replace("\\", "")
    assert [call["arguments"] for call in arrived(place)] == [{"word": "b"}]


def test_a_task_waits_until_as_many_people_have_agreed_as_must(place: Place, servers: Mapping[str, Any]) -> None:
    place.policy(ALLOW, ASK, "o, *, *, tally/*, call, , needs=2, two look at it")
    with served(place, servers) as (client, _):
        task = client.call("tally__send", {"word": "a"})["taskId"]
        answered(place, task, "user:bob")
        assert client.get(task)["status"] == "working"
        assert arrived(place) == []
        answered(place, task, "user:carl")
        assert client.until(task, ended)["status"] == "completed"
    assert [call["arguments"] for call in arrived(place)] == [{"word": "a"}]


def test_killed_between_the_approval_and_the_call_another_gateway_makes_it_once(
    place: Place, servers: Mapping[str, Any]
) -> None:
    with served(place, servers) as (client, gateway):
        task = client.call("tally__send", {"word": "a"})["taskId"]
        place.decide(task)
        gateway.kill()
    assert arrived(place) == []
    with served(place, servers) as (client, gateway):
        assert client.until(task, ended)["status"] == "completed"
        gateway.kill()
    with served(place, servers) as (client, _):
        state = client.get(task)
        assert state["status"] == "completed"
        assert not state["result"].get("isError")
    assert len(arrived(place)) == 1


def test_killed_in_the_middle_of_the_call_it_is_in_doubt_and_not_repeated(
    place: Place, servers: Mapping[str, Any]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with served(place, servers) as (client, gateway):
            task = client.call("tally__hold", {"port": port})["taskId"]
            place.decide(task)
            assert client.get(task)["status"] == "working"
            held, _ = listener.accept()
            gateway.kill()
        held.close()
        with served(place, servers) as (client, _):
            state = client.until(task, ended)
    assert state["status"] == "completed"
    assert state["result"]["isError"]
    assert "may or may not have taken effect" in text_of(state["result"])
    assert len(arrived(place)) == 1
    assert [type(outcome) for outcome in outcomes(place)] == [InDoubt]


def test_two_gateways_asked_at_the_same_time_make_the_call_once(place: Place, servers: Mapping[str, Any]) -> None:
    with served(place, servers) as (one, _), served(place, servers) as (other, _):
        task = one.call("tally__send", {"word": "a"})["taskId"]
        place.decide(task)
        states = [client.until(task, ended) for client in (one, other)]
    assert states[0]["result"]["content"] == states[1]["result"]["content"]
    assert len(arrived(place)) == 1


def test_the_same_call_made_again_is_the_same_task(place: Place, servers: Mapping[str, Any]) -> None:
    with served(place, servers) as (client, _):
        tasks = {client.call("tally__send", {"word": "a"})["taskId"] for _ in range(3)}
        (task,) = tasks
        place.decide(task)
        assert client.until(task, ended)["status"] == "completed"
    assert len(arrived(place)) == 1


def test_whoever_makes_the_call_again_uses_the_approval_and_the_task_says_so(
    place: Place, servers: Mapping[str, Any]
) -> None:
    with served(place, servers) as (client, _):
        task = client.call("tally__send", {"word": "a"})["taskId"]
        place.decide(task)
        assert "content" in client.call("tally__send", {"word": "a"})
        state = client.get(task)
    assert state["status"] == "completed"
    assert "made again" in text_of(state["result"])
    assert len(arrived(place)) == 1


def test_what_people_denied_is_completed_with_their_reason(place: Place, servers: Mapping[str, Any]) -> None:
    with served(place, servers) as (client, _):
        task = client.call("tally__send", {"word": "a"})["taskId"]
        place.decide(task, "denied")
        state = client.get(task)
    assert state["status"] == "completed"
    assert state["result"]["isError"]
    assert text_of(state["result"]) == "Denied by user:bob. Do not retry this call."
    assert arrived(place) == []


def test_what_nobody_decided_in_time_is_completed_as_denied(place: Place, servers: Mapping[str, Any]) -> None:
    with served(place, servers) as (client, _):
        task = client.call("tally__send", {"word": "a"})["taskId"]
        with contextlib.closing(sqlite3.connect(place.folder / "store.db")) as db:
            db.execute("UPDATE approvals SET expires = 1")
            db.commit()
        state = client.get(task)
        assert state["status"] == "completed"
        assert "nobody approved this call in time" in text_of(state["result"])
        assert client.get(task) == state
    assert arrived(place) == []
    assert [fact.decision for fact in place.facts() if isinstance(fact, Decided)] == ["expired"]


def test_an_approval_that_was_not_used_in_time_is_good_for_nothing(place: Place, servers: Mapping[str, Any]) -> None:
    with served(place, servers) as (client, _):
        task = client.call("tally__send", {"word": "a"})["taskId"]
        place.decide(task)
        with contextlib.closing(sqlite3.connect(place.folder / "store.db")) as db:
            db.execute("UPDATE approvals SET expires = 1")
            db.commit()
        assert client.get(task)["result"]["isError"]
    assert arrived(place) == []


@pytest.mark.parametrize("approved", [False, True])
def test_cancelling_takes_the_question_back(place: Place, servers: Mapping[str, Any], approved: bool) -> None:
    with served(place, servers) as (client, _):
        task = client.call("tally__send", {"word": "a"})["taskId"]
        if approved:
            place.decide(task)
        ack = client.ask("tasks/cancel", {"taskId": task})["result"]
        assert ack.keys() == {"resultType", "_meta"}
        assert client.get(task)["status"] == "cancelled"
        assert client.ask("tasks/cancel", {"taskId": task})["result"]["resultType"] == "complete"
        again = client.call("tally__send", {"word": "a"})
        assert again["taskId"] != task
    assert arrived(place) == []
    decided = [fact for fact in place.facts() if isinstance(fact, Decided)][-1]
    assert (decided.decision, decided.by) == ("withdrawn", "user:ann")


@pytest.mark.parametrize("method", ["tasks/get", "tasks/cancel", "tasks/update"])
def test_a_task_is_not_there_for_anybody_else(place: Place, servers: Mapping[str, Any], method: str) -> None:
    with served(place, servers) as (client, _):
        own = client.call("tally__send", {"word": "a"})["taskId"]
        theirs = client.call("jobs__slow_compute", {"seconds": 0})["taskId"]
    with served(place, servers, "--user", "user:eve") as (eve, _):
        for task in (own, theirs, "A-" + "0" * 32, "nothing"):
            error = eve.ask(method, {"taskId": task, "inputResponses": {}})["error"]
            assert (error["code"], error["message"]) == (types.INVALID_PARAMS, "Task not found")
    with served(place, servers) as (client, _):
        assert client.get(own)["status"] == "working"


def test_an_approved_call_is_judged_again_before_it_is_made(place: Place, servers: Mapping[str, Any]) -> None:
    with served(place, servers) as (client, _):
        task = client.call("tally__send", {"word": "a"})["taskId"]
        place.decide(task)
        place.policy(ALLOW, ASK, "p, *, *, tally/send, call, , deny, not any more")
        state = client.until(task, ended)
    assert state["result"]["isError"]
    assert "not any more (rule policy.csv:4)" in text_of(state["result"])
    assert str(place.folder) not in json.dumps(state)
    assert arrived(place) == []
    assert len([fact for fact in place.facts() if isinstance(fact, Denied)]) == 1


def test_an_approval_of_a_tool_that_has_changed_is_not_used(place: Place, servers: Mapping[str, Any]) -> None:
    place.policy(ALLOW, "p, *, *, tally/send, call, , ask, a person looks at it")
    with served(place, servers) as (client, gateway):
        task = client.call("tally__send", {"word": "a"})["taskId"]
        place.decide(task)
        client.call("tally__reword", {"word": "another"})

        def changed() -> bool:
            tools = client.ask("tools/list", {})["result"]["tools"]
            return any(tool["description"] == "another" for tool in tools)

        gateway.until(changed)
        state = client.until(task, ended)
    assert state["result"]["isError"]
    assert [call["tool"] for call in arrived(place)] == ["reword"]


def test_a_client_that_does_not_know_tasks_is_answered_as_ever(place: Place, servers: Mapping[str, Any]) -> None:
    with served(place, servers) as (client, _):
        result = client.wire.call("tally__send", {"word": "a"})
        assert result["isError"]
        assert approval_in(result)
        assert "taskId" not in result
        done = client.wire.call("jobs__slow_compute", {"seconds": 0, "label": "x"})
        assert text_of(done) == "computed x"


def test_the_call_of_a_task_counts_in_the_budget_of_the_run_that_asked(
    place: Place, servers: Mapping[str, Any]
) -> None:
    with served(place, servers) as (client, _):
        task = client.call("tally__send", {"word": "a"})["taskId"]
        place.decide(task)
        client.until(task, ended)
    held = next(fact for fact in place.facts() if isinstance(fact, Held))
    with contextlib.closing(sqlite3.connect(place.folder / "store.db")) as db:
        rows = db.execute("SELECT account, used, reserved FROM accounts WHERE unit = 'tool_calls'").fetchall()
        (asked,) = db.execute("SELECT run_id FROM approvals WHERE id = ?", (held.approval_id,)).fetchone()
    assert rows == [(f"run:{asked}", 1, 0)]


# ---- the tasks of servers


def test_a_servers_task_goes_through_and_its_outcome_is_recorded_once(place: Place, servers: Mapping[str, Any]) -> None:
    with served(place, servers) as (client, _):
        created = client.call("jobs__slow_compute", {"seconds": 0.2, "label": "x"})
        assert created["x-vendor"] == [None]
        state = client.until(created["taskId"], ended)
        assert state["x-vendor"] == [None]
        assert state["result"]["_meta"] == {"x.example/kept": None}
        assert text_of(state["result"]) == "computed x"
        for _ in range(3):
            assert client.get(created["taskId"])["result"] == state["result"]
    made, done = outcomes(place)
    assert isinstance(made, TaskCreated)
    assert isinstance(done, Answered)
    assert text_of(done.result) == "computed x"
    assert made.id == created["taskId"] != made.result["taskId"]
    first, last = (fact for fact in place.facts() if isinstance(fact, Returned))
    assert first.key == last.key
    assert (first.spent, last.spent) == ({"tool_calls": 1}, {})
    assert first.tainting
    assert last.tainting


def test_a_servers_questions_go_out_and_the_answers_come_back(place: Place, servers: Mapping[str, Any]) -> None:
    with served(place, servers) as (client, _):
        task = client.call("jobs__confirm_delete", {"filename": "a.txt"})["taskId"]
        state = client.until(task, lambda state: state["status"] == "input_required")
        assert state["inputRequests"]["confirm"]["params"]["message"] == "jobs asks: Delete a.txt?"
        answers = {"confirm": {"action": "accept", "content": {"confirm": True}}}
        ack = client.ask("tasks/update", {"taskId": task, "inputResponses": answers})["result"]
        assert "status" not in ack
        assert text_of(client.until(task, ended)["result"]) == "a.txt: accept"
    said = next(fact for fact in place.facts() if isinstance(fact, Admitted) and fact.action == "update")
    assert json.loads(said.arguments) == {"taskId": task, "inputResponses": answers}


def test_a_tasks_question_is_not_shown_to_a_client_that_cannot_be_asked(
    place: Place, servers: Mapping[str, Any]
) -> None:
    with served(place, servers) as (client, _):
        task = client.call("jobs__confirm_delete", {"filename": "a.txt"})["taskId"]
        client.until(task, lambda state: state["status"] == "input_required")
        error = client.ask("tasks/get", {"taskId": task}, TASKS)["error"]
        assert error["code"] == types.MISSING_REQUIRED_CLIENT_CAPABILITY
        assert error["data"] == {"requiredCapabilities": {"elicitation": {"form": {}}}}
        assert "Delete" not in str(error)
        assert client.get(task)["inputRequests"].keys() == {"confirm"}
        assert "result" in client.ask("tasks/cancel", {"taskId": task}, TASKS)


def test_a_servers_task_is_cancelled_where_it_runs(place: Place, servers: Mapping[str, Any]) -> None:
    with served(place, servers) as (client, _):
        task = client.call("jobs__slow_compute", {"seconds": 3600})["taskId"]
        client.ask("tasks/cancel", {"taskId": task})
        assert client.until(task, ended)["status"] == "cancelled"
    assert isinstance(outcomes(place)[-1], InDoubt)


def test_a_task_can_be_followed_after_the_gateway_was_restarted_and_is_gone_with_its_server(
    place: Place, servers: Mapping[str, Any]
) -> None:
    with served(place, servers) as (client, gateway):
        task = client.call("jobs__slow_compute", {"seconds": 3600})["taskId"]
        gateway.process.send_signal(signal.SIGKILL)
        gateway.process.wait()
    with served(place, servers) as (client, _):  # the server was its child: its tasks are gone
        for _ in range(2):
            error = client.ask("tasks/get", {"taskId": task})["error"]
            assert error["code"] == types.INVALID_PARAMS
    assert [type(outcome) for outcome in outcomes(place)] == [TaskCreated, InDoubt]


def test_what_the_policy_forbids_by_now_is_not_followed_but_can_be_cancelled(
    place: Place, servers: Mapping[str, Any]
) -> None:
    with served(place, servers) as (client, _):
        task = client.call("jobs__confirm_delete", {"filename": "a.txt"})["taskId"]
        place.policy(ALLOW, "p, *, *, jobs/*, call, , deny, not any more")
        for method in ("tasks/get", "tasks/update"):
            error = client.ask(method, {"taskId": task, "inputResponses": {"confirm": {"action": "accept"}}})["error"]
            assert "not any more" in error["message"]
        assert "result" in client.ask("tasks/cancel", {"taskId": task})
        place.policy(ALLOW)
        assert client.get(task)["status"] == "cancelled"


def test_an_approved_call_of_which_the_server_makes_a_task_stays_one_task(
    place: Place, servers: Mapping[str, Any]
) -> None:
    place.policy(ALLOW, "p, *, *, jobs/*, call, , ask, a person looks at it")
    with served(place, servers) as (client, _):
        task = client.call("jobs__confirm_delete", {"filename": "a.txt"})["taskId"]
        place.decide(task)
        state = client.until(task, lambda state: state["status"] == "input_required")
        assert state["taskId"] == task
        client.ask("tasks/update", {"taskId": task, "inputResponses": {"confirm": {"action": "decline"}}})
        assert text_of(client.until(task, ended)["result"]) == "a.txt: decline"


# ---- the protocol


@pytest.mark.parametrize("method", ["tasks/get", "tasks/cancel", "tasks/update"])
def test_whoever_does_not_declare_tasks_is_told_what_to_declare(
    place: Place, servers: Mapping[str, Any], method: str
) -> None:
    with served(place, servers) as (client, _):
        error = client.wire.ask(method, {"taskId": "x", "inputResponses": {}})["error"]
        assert (error["code"], error["data"]) == (types.MISSING_REQUIRED_CLIENT_CAPABILITY, MISSING)
        listening = client.wire.ask("subscriptions/listen", {"notifications": {"taskIds": ["x"]}})["error"]
        assert (listening["code"], listening["data"]) == (types.MISSING_REQUIRED_CLIENT_CAPABILITY, MISSING)


def test_a_client_that_listens_is_told_without_asking(place: Place, servers: Mapping[str, Any]) -> None:
    with place.pipe(servers) as pipe:
        meta = {"_meta": {types.CLIENT_CAPABILITIES_META_KEY: CAPABLE}}
        call = {"name": "tally__send", "arguments": {"word": "a"}, **meta}
        task = pipe.ask("tools/call", call, "modern", 1)["result"]["taskId"]
        wanted = {"notifications": {"taskIds": [task, "somebody else's"]}, **meta}
        pipe.send(request("subscriptions/listen", wanted, "modern", 2))
        honoured = pipe.receive(lambda message: message.get("method") == "notifications/subscriptions/acknowledged")
        assert honoured["params"]["notifications"] == {"taskIds": [task]}
        told = pipe.receive(lambda message: message.get("method") == "notifications/tasks")["params"]
        assert (told["taskId"], told["status"]) == (task, "working")
        place.decide(task)
        while told["status"] == "working":
            told = pipe.receive(lambda message: message.get("method") == "notifications/tasks")["params"]
        assert told["status"] == "completed"
        assert not told["result"].get("isError")
    assert len(arrived(place)) == 1


def test_a_listener_that_cannot_be_asked_hears_of_a_task_without_its_questions(
    place: Place, servers: Mapping[str, Any]
) -> None:
    with place.pipe(servers) as pipe:
        meta = {"_meta": {types.CLIENT_CAPABILITIES_META_KEY: TASKS}}
        call = {"name": "jobs__confirm_delete", "arguments": {"filename": "a.txt"}, **meta}
        task = pipe.ask("tools/call", call, "modern", 1)["result"]["taskId"]
        pipe.send(request("subscriptions/listen", {"notifications": {"taskIds": [task]}, **meta}, "modern", 2))
        told: Json = {"status": "working"}
        while told["status"] == "working":
            told = pipe.receive(lambda message: message.get("method") == "notifications/tasks")["params"]
        assert (told["taskId"], told["status"]) == (task, "input_required")
        assert "inputRequests" not in told


def test_the_extension_is_advertised_to_modern_clients_only(place: Place, servers: Mapping[str, Any]) -> None:
    with place.serve(servers) as gateway:
        with gateway.client("modern") as wire:
            said = wire.ask("server/discover")["result"]["capabilities"]
            assert said["extensions"] == {EXTENSION: {}}
        with gateway.client("legacy") as wire:
            assert wire.ask("tasks/get", {"taskId": "x"})["error"]["code"] == types.METHOD_NOT_FOUND
