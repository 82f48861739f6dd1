"""Finding a running local engine through its state file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pik_cli.shell.local_state import find, is_alive
from tests.support.command_line import write_state


def test_a_state_file_is_found_from_any_directory_below(tmp_path: Path) -> None:
    write_state(tmp_path, "http://127.0.0.1:4566", api_url="http://127.0.0.1:4566/api")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    engine = find(below).engine
    assert engine is not None
    assert (engine.endpoint, engine.api_url) == ("http://127.0.0.1:4566", "http://127.0.0.1:4566/api")
    assert (engine.stack_name, engine.region, engine.access_key_id) == ("pik-local", "us-east-1", "test")


def test_without_a_state_file_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert find(tmp_path / "nowhere") == find(tmp_path)
    assert find(tmp_path).engine is None


@pytest.mark.parametrize("pids", [{"engine": 1, "run": 2}, [1, 2], 2], ids=["by name", "a list", "one"])
def test_an_engine_whose_process_is_gone_is_ignored_and_said_so(tmp_path: Path, pids: Any) -> None:
    write_state(tmp_path, "http://x", pids=pids)
    search = find(tmp_path, alive=lambda pid: pid == 1)
    assert search.engine is None
    assert "no longer runs (process 2)" in search.ignored
    assert find(tmp_path, alive=lambda _: True).engine is not None


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"endpoint": "x"}', '{"pids": "x"}'])
def test_a_state_file_that_cannot_be_read_is_ignored_and_said_so(tmp_path: Path, text: str) -> None:
    write_state(tmp_path, "http://x").write_text(text)
    search = find(tmp_path)
    assert search.engine is None
    assert "cannot be read" in search.ignored


def test_processes_are_told_from_former_processes() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not is_alive(ended.pid)
    assert is_alive(os.getpid())
    assert is_alive(1)
