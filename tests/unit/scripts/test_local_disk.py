"""A full or read-only disk under the local engine is named, with what can be deleted."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.local import disk, session, state
from scripts.local.disk import LEAST_FREE_BYTES, DirectoryUnusable, explain, guarded, shortage
from scripts.local.engine import Engine, EngineError
from scripts.local.state import EngineState

STATE = EngineState("http://127.0.0.1:4566", "http://127.0.0.1:4566/api", "pik-local", {"run": 1}, "engine.log", "now")


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """How many bytes the disk has left."""
    found = SimpleNamespace(free=10 * LEAST_FREE_BYTES)
    monkeypatch.setattr("scripts.local.disk.shutil.disk_usage", lambda _place: found)
    return found


def test_a_state_that_a_full_disk_cannot_take_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.json.new").symlink_to("/dev/full")
    full = f"disk that holds {tmp_path} is full. Free some space"
    with pytest.raises(DirectoryUnusable, match=full), guarded(tmp_path):
        state.write(tmp_path, STATE)


def test_what_a_full_disk_breaks_in_the_engine_is_named_too(tmp_path: Path, free: SimpleNamespace) -> None:
    def fill_and_fail() -> None:
        free.free = 1_000_000
        raise EngineError("The engine ended unexpectedly.")

    with pytest.raises(DirectoryUnusable, match="almost full: 1 MB are free"), guarded(tmp_path):
        fill_and_fail()


def test_with_too_little_space_nothing_begins(tmp_path: Path, free: SimpleNamespace) -> None:
    free.free = LEAST_FREE_BYTES - 1
    with pytest.raises(DirectoryUnusable, match="needs 34 MB"), guarded(tmp_path / "not" / "there"):
        pytest.fail("it began")


def test_other_failures_stay_what_they_are(tmp_path: Path, free: SimpleNamespace) -> None:
    with pytest.raises(EngineError, match="another reason"), guarded(tmp_path):
        raise EngineError("another reason")
    with pytest.raises(FileNotFoundError), guarded(tmp_path):
        (tmp_path / "absent").read_text("utf-8")


def test_a_read_only_file_system_is_named_with_another_place(tmp_path: Path, free: SimpleNamespace) -> None:
    text = explain(OSError(errno.EROFS, "Read-only file system", str(tmp_path / "lock")), tmp_path)
    assert f"{tmp_path} is on a read-only file system." in text
    assert "--directory DIRECTORY" in text


def test_a_directory_of_another_user_is_named_with_the_command_that_takes_it_over(tmp_path: Path) -> None:
    text = explain(PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "lock")), tmp_path)
    assert f"{tmp_path / 'lock'} may not be written by this user." in text
    assert f"chown -R $(id -u) {tmp_path}" in text


def test_what_can_be_deleted_is_listed_by_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_ROOT", tmp_path)
    for name, size in ((".aws-sam", 5_000_000), ("local/engine", 2_000_000), (".mypy_cache", 1_000)):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_bytes(b"x" * size)
    text = explain(OSError(errno.ENOSPC, "No space left on device"), tmp_path / "local")
    lines = [line.split() for line in text.splitlines() if line.endswith("MB")]
    assert lines == [[str(tmp_path / ".aws-sam"), "5", "MB"], [str(tmp_path / "local" / "engine"), "2", "MB"]]


def test_enough_space_is_no_problem(tmp_path: Path, free: SimpleNamespace) -> None:
    free.free = LEAST_FREE_BYTES
    assert shortage(tmp_path) == ""


def test_make_run_says_it_and_ends_with_status_1(
    tmp_path: Path, free: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    free.free = 0
    assert session.run(None, once=True, directory=tmp_path / "local") == 1
    assert "almost full: 0 MB are free" in capsys.readouterr().out
    assert not (tmp_path / "local").exists()


def test_an_engine_whose_directory_cannot_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "engine").write_text("a file in the place of the directory")
    with pytest.raises(EngineError, match=r"Cannot write to .*engine"):
        Engine(4566, tmp_path / "engine", tmp_path / "engine.log").start()
