"""The store that is configured is the one that is opened."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from gateway.config import Config, load_config
from gateway.errors import ConfigError
from gateway.store.opening import is_made, open_record, open_store
from gateway.store.record import Period
from tests.builders import CLIENT, STARTED
from tests.fixtures.stores import Place


@pytest.fixture
def config(tmp_path: Path, place: Place) -> Config:
    said = f"sqlite:///{place}" if isinstance(place, Path) else place
    (tmp_path / "toolgate.toml").write_text(f'store = "{said}"')
    return load_config(tmp_path, {"HOME": str(tmp_path)})


def test_it_is_opened_where_it_is_said_to_be(config: Config, place: Place) -> None:
    assert is_made(config) == isinstance(place, str)
    with closing(open_store(config, {})) as store:
        asyncio.run(store.append("r-1", [CLIENT, STARTED], lease=None))
        assert store.place.startswith(str(place) if isinstance(place, Path) else "postgresql://postgres@/")
    assert is_made(config)
    with open_record(config, {}) as record:
        assert [*record.runs(Period())] == ["r-1"]


def test_the_driver_is_asked_for_only_where_it_is_needed(
    config: Config, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.opening.find_spec", lambda _: None)
    if isinstance(place, Path):
        open_store(config, {}).close()
        return
    for opened in (open_store, open_record):
        with pytest.raises(ConfigError, match=r"toolgate\.toml:1:1: .*needs its driver \(pip install 'toolgate\[post"):
            opened(config, {})
