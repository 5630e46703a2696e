"""The MCP SDK, by its side doors: what is used of it is loaded, and the rest when somebody asks for it.

`import mcp` loads a whole client, a whole server and a framework for tools, and `mcp_types.methods` builds three
hundred models that only what is out of the ordinary needs: half a second and 20 MB before the first call. Here the
packages stand without their `__init__`, which runs when a name of it is wanted (`from mcp import Client` works as
ever), and models are built when they are first used. The two rooms that use the SDK import this module first; where it
is loaded already, that changes nothing. So it is with uvicorn, of which we use the server, and not the program that
restarts it when a file changes: its own parts want one name of it, which has a home of its own; and nothing of what
reads a configuration of logs, which loads `pickle`.

An error may say more than the SDK's model of it has a place for. It is kept, because a gateway passes it on.
"""

import contextlib
import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__: list[str] = []

_PACKAGES = ("mcp", "mcp.client", "mcp.server", "uvicorn")
_MODELS = "mcp_types"
_LATE = ("mcp_types.methods", "mcp.client.session", "logging.config")  # modules full of models; what uvicorn can do
_ALL = ("__all__", "__version__")
_HOMES = {("uvicorn", "Config"): "uvicorn.config"}  # where a name is made that a package only hands on

_loading = threading.RLock()


class _Door(ModuleType):
    """A module that is not executed until a name is wanted that only its code can give."""

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__(spec.name)
        self.__spec__, self.__loader__, self.__file__ = spec, spec.loader, spec.origin
        self.__package__ = spec.name if spec.submodule_search_locations is not None else spec.parent
        if spec.submodule_search_locations is not None:
            self.__path__ = list(spec.submodule_search_locations)
        self._is_open = False

    def __getattr__(self, name: str) -> Any:
        if (self.__name__, name) in _HOMES:
            return getattr(importlib.import_module(_HOMES[self.__name__, name]), name)
        if name in _ALL or not name.startswith("__"):  # anybody looks for the others, in every module
            self._open()
            if name in self.__dict__:
                return self.__dict__[name]
        raise AttributeError(f"module `{self.__name__}` has no attribute `{name}`")

    def _open(self) -> None:
        """Executes the module. Other threads wait for it, and see no half of it: a package's own parts may already."""
        with _loading:
            if self._is_open:
                return
            self._is_open = True
            package = self.__spec__ is not None and self.__spec__.submodule_search_locations is not None
            whole = self if package else ModuleType(self.__name__)
            whole.__dict__.update(self.__dict__)
            try:
                with contextlib.nullcontext() if package else _built_when_used():
                    self.__loader__.exec_module(whole)  # type: ignore[union-attr] # an importlib.abc.Loader
            except BaseException:
                self._is_open = False
                raise
            self.__dict__.update(whole.__dict__)


@contextlib.contextmanager
def _built_when_used() -> Iterator[None]:
    """Models that are defined meanwhile get their validator when they are first used: most never are. So do adapters,
    which would have all models built that they stand for.
    """
    from pydantic import BaseModel, TypeAdapter

    if "defer_build" in BaseModel.model_config:  # one module has another one loaded
        yield
        return
    usual = TypeAdapter.__init__

    def later(self: Any, kind: Any, *, _parent_depth: int = 2, **how: Any) -> None:
        if not isinstance(kind, type):  # a model says so itself
            how.setdefault("config", {"defer_build": True})
        usual(self, kind, _parent_depth=_parent_depth + 1, **how)

    BaseModel.model_config["defer_build"] = True
    TypeAdapter.__init__ = later  # type: ignore[method-assign, assignment] # for as long as the module is executed
    try:
        yield
    finally:
        del BaseModel.model_config["defer_build"]
        TypeAdapter.__init__ = usual  # type: ignore[method-assign]


def _by_the_side() -> None:
    """Puts the doors up, once. Costs little: nothing of the SDK is executed, `mcp_types` excepted."""
    with _loading:
        if _MODELS not in sys.modules:
            with _built_when_used():
                importlib.import_module(_MODELS)
        for name in (*_PACKAGES, *_LATE):
            if name not in sys.modules:
                _put_up(name)
        _keep_all_of_errors()


def _keep_all_of_errors() -> None:
    jsonrpc = sys.modules[f"{_MODELS}.jsonrpc"]
    if jsonrpc.ErrorData.model_config.get("extra") == "allow":
        return
    jsonrpc.ErrorData.model_config["extra"] = "allow"
    for one in (jsonrpc.ErrorData, jsonrpc.JSONRPCError):
        if one.__pydantic_complete__:
            one.model_rebuild(force=True)
    if jsonrpc.jsonrpc_message_adapter.pydantic_complete:
        jsonrpc.jsonrpc_message_adapter.rebuild(force=True)


def _put_up(name: str) -> None:
    spec = importlib.util.find_spec(name)  # imports the parent
    if spec is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    door = _Door(spec)
    sys.modules[name] = door
    parent, _, own = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], own, door)


_by_the_side()
