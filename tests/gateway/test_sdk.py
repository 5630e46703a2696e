"""The SDK by its side doors: nothing is loaded that nobody asked for, and everything is there for whoever asks."""

import subprocess
import sys

import pytest

BY_THE_SIDE = "import sys, gateway.sdk\n"


def said(program: str) -> list[str]:
    """What a fresh interpreter prints, word by word."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_client_comes_without_the_server_and_without_the_models_of_each_version() -> None:
    program = "import mcp.client.session\nprint(*sys.modules)"
    loaded = set(said(BY_THE_SIDE + program))
    assert "mcp.client.session" in loaded
    assert not {name for name in loaded if name.startswith(("mcp.server.", "mcp_types._v", "mcp.types"))}


def test_the_server_of_uvicorn_comes_without_what_restarts_it() -> None:
    program = "import uvicorn.lifespan.on, uvicorn.lifespan.off\nprint(*sys.modules)"
    loaded = set(said(BY_THE_SIDE + program))
    assert "uvicorn.config" in loaded
    assert not loaded & {"uvicorn.main", "uvicorn.supervisors", "watchfiles", "multiprocessing", "pickle"}


@pytest.mark.parametrize(
    "wanted",
    [
        "from mcp import Client, ClientSession, types",
        "from mcp.server import MCPServer, Server",
        "from mcp.client import Client",
        "import mcp; mcp.types.Tool; mcp.ClientSession",
        "from mcp_types.methods import validate_client_request",
        "from mcp_types import methods; methods.CLIENT_REQUESTS",
        "from mcp_types.methods import *; validate_client_request",
        "import mcp.server.mcpserver",
        "from mcp.types import *; Tool",
        "import logging.config; logging.config.dictConfig({'version': 1})",
        "from uvicorn import Config, Server, main; import uvicorn.config; assert Config is uvicorn.config.Config",
    ],
)
def test_who_wants_a_name_gets_it(wanted: str) -> None:
    assert said(f"{BY_THE_SIDE}{wanted}\nprint('there')") == ["there"]


def test_what_is_not_there_is_not_there() -> None:
    program = "import mcp\nprint(hasattr(mcp, 'Cleint'), hasattr(mcp, '__wrapped__'))"
    assert said(BY_THE_SIDE + program) == ["False", "False"]


def test_where_the_sdk_is_loaded_already_nothing_changes() -> None:
    program = "import mcp\nbefore = mcp\nimport gateway.sdk, mcp as after\nprint(before is after, type(after).__name__)"
    assert said(program) == ["True", "module"]


def test_classes_are_the_same_by_either_door() -> None:
    program = "from mcp.client.session import ClientSession as a\nfrom mcp import ClientSession as b\nprint(a is b)"
    assert said(BY_THE_SIDE + program) == ["True"]


RACE = """
import threading
from mcp_types import methods
start, answers = threading.Barrier(8), []
def ask():
    start.wait()
    methods.validate_client_request("tools/list", "2025-11-25", None)
    answers.append(True)
threads = [threading.Thread(target=ask) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(answers))
"""


def test_threads_that_want_it_at_once_all_get_the_whole() -> None:
    assert said(BY_THE_SIDE + RACE) == ["8"]


def test_models_and_adapters_are_built_when_they_are_used_and_others_at_once() -> None:
    program = """
import pydantic, mcp_types.jsonrpc, mcp.client.session as session
adapter, model = mcp_types.jsonrpc.jsonrpc_message_adapter, session.types.ListToolsResult
before = adapter.pydantic_complete, model.__pydantic_complete__, session.ClientResponse.pydantic_complete
message = {"jsonrpc": "2.0", "id": 1, "result": {}}
read = adapter.validate_python(message).id, model.model_validate({"tools": []}).tools
class Own(pydantic.BaseModel):
    x: int
after = adapter.pydantic_complete, model.__pydantic_complete__, Own.__pydantic_complete__
own = pydantic.TypeAdapter(int | str)
print(*before, *read, *after, own.pydantic_complete)
"""
    assert said(BY_THE_SIDE + program) == ["False", "False", "False", "1", "[]", "True", "True", "True", "True"]


@pytest.mark.parametrize(
    "before", ["", "from mcp_types import jsonrpc\njsonrpc.JSONRPCError.model_rebuild(force=True)\n"]
)
def test_errors_keep_what_the_sdk_has_no_place_for(before: str) -> None:
    program = """
from mcp_types.jsonrpc import jsonrpc_message_adapter as adapter
error = adapter.validate_python({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no", "hint": 2}})
print(error.error.model_extra["hint"], error.model_dump_json(exclude_unset=True).count("hint"))
"""
    assert said(before + BY_THE_SIDE + program) == ["2", "1"]
