import dataclasses

from gateway.cli.finding import Finding


def test_its_json_has_these_four_keys() -> None:
    assert dataclasses.asdict(Finding("ok", "a", "b")) == {"level": "ok", "what": "a", "detail": "b", "mend": ""}
