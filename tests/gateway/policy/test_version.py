"""A policy with the text of its files."""

from pathlib import Path

from gateway.policy.files import Source, read_sources
from gateway.policy.load import digest_of, load
from gateway.policy.model import MODEL
from gateway.policy.taking import Size, take
from gateway.policy.version import Files, Version

LINE = "p, *, *, */*, call, , allow, may\n"


def test_files_come_back_to_the_byte() -> None:
    odd = b"\xef\xbb\xbfp, x\r\n\xff\x00"
    files = Files(b"model", (("a.csv", LINE.encode()), ("b.csv", odd)))
    assert Files.from_text(files.to_text()) == files


def test_a_version_has_the_digest_of_the_files_that_it_was_read_from(tmp_path: Path) -> None:
    model, policy = tmp_path / "model.conf", tmp_path / "policy.csv"
    model.write_text(MODEL)
    policy.write_text(LINE)
    files = Files.of((*read_sources(model), *read_sources(policy)))
    assert files.digest("model.conf") == load(model, policy).digest
    sources = files.sources(model, policy, folder=False)
    assert digest_of(sources[0], sources[1:]) == load(model, policy).digest
    version = Version(1, "d", "edited", "ann", 1, Size(1, 0), True, False, files)
    assert take(version.before(model, policy).sources, None).rules[0].where == f"{policy}:1"


def test_a_candidate_takes_the_name_that_it_will_have() -> None:
    files = Files.of([Source("model.conf", b"m"), Source("drafts/new.csv", b"x")])
    assert files.named("policy.csv").policy == (("policy.csv", b"x"),)
    folder = Files(b"m", (("a.csv", b""), ("b.csv", b"")))
    assert folder.named("policy.csv") == folder


def test_its_json_holds_no_file() -> None:
    version = Version(3, "d" * 64, "forced", "ann", 5, Size(7, 2), True, False, Files(b"secret", (("p", b"secret"),)))
    assert "secret" not in str(version.to_json())
    assert "secret" not in repr(version)
    assert version.to_json()["lines"] == 7
