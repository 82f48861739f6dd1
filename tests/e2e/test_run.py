"""`make run` and `make demo` as a person starts and ends them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.local.engine import HOST, any_free_port
from tests.e2e.pipeline import SECONDS, eventually, order

ROOT = Path(__file__).resolve().parents[2]


def command(directory: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "scripts.local.run", "--directory", str(directory), *words]


@contextmanager
def started(directory: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A run in the background, its output in `output.txt`; killed at the end if it still lives."""
    with (directory / "output.txt").open("w") as output:
        process = subprocess.Popen(command(directory, *words), cwd=ROOT, stdout=output, stderr=output, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def finished(directory: Path, *words: str) -> tuple[int, str]:
    """Exit status and all output of a run that ends without a signal."""
    done = subprocess.run(
        command(directory, *words), cwd=ROOT, capture_output=True, text=True, timeout=SECONDS * 2, check=False
    )
    return done.returncode, done.stdout + done.stderr


def said(directory: Path) -> str:
    return (directory / "output.txt").read_text()


def state(directory: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((directory / "state.json").read_text())
    except FileNotFoundError:
        return None
    return found


def processes_of(engine_pid: int) -> list[str]:
    """What lives in the engine's process group, functions included."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = (line.split(None, 2) for line in listed.stdout.splitlines())
    return [args for pgid, status, args in rows if int(pgid) == engine_pid and not status.startswith("Z")]


def test_a_run_serves_until_it_is_stopped_and_leaves_no_process_and_no_state(tmp_path: Path) -> None:
    port = any_free_port()
    with started(tmp_path, "--port", str(port)) as process:
        eventually(lambda: "Serving until Ctrl-C" in said(tmp_path), "it serves")
        now = state(tmp_path)
        assert now is not None
        assert now["endpoint"] == f"http://{HOST}:{port}"
        assert now["pids"]["run"] == process.pid
        assert len(processes_of(now["pids"]["engine"])) >= 4  # the engine and its three functions

        httpx.post(f"{now['api_url']}/events", json=order("by-hand", amount=99.99), trust_env=False)
        eventually(lambda: "counted: by-hand on 2026-11-20" in said(tmp_path), "what is sent by hand is shown")

        status, text = finished(tmp_path)
        assert (status, "Traceback" in text) == (1, False)
        assert f"A local engine already runs at http://{HOST}:{port}" in text

        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    assert "Everything adds up" in said(tmp_path)
    assert "Traceback" not in said(tmp_path)
    assert processes_of(now["pids"]["engine"]) == []
    assert state(tmp_path) is None
    assert not list((tmp_path / "engine").iterdir())


def test_after_a_crash_nothing_is_left_and_the_demo_runs_and_adds_up(tmp_path: Path) -> None:
    with started(tmp_path, "--port", str(any_free_port())) as process:
        # In the middle of its work: events are on their way and functions busy.
        now = eventually(lambda: state(tmp_path), "the stack is deployed")
        process.send_signal(signal.SIGKILL)
        process.wait()
        eventually(lambda: not processes_of(now["pids"]["engine"]), "the engine is gone too")
    assert state(tmp_path) == now  # stale, as its processes tell

    status, text = finished(tmp_path, "--once", "--port", str(any_free_port()))

    assert status == 0, text
    assert "367 received  = 313 accepted + 34 duplicate + 4 conflict + 16 rejected" in text
    assert "313 accepted  = 313 applied + 0 dead" in text
    assert "Everything adds up" in text
    assert "必須" in text
    assert state(tmp_path) is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_in_the_middle_of_the_work_ends_everything(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path, "--port", str(any_free_port())) as process:
        now = eventually(lambda: state(tmp_path), "the stack is deployed")
        eventually(lambda: "sent" in said(tmp_path), "the events are sent")
        process.send_signal(number)
        assert process.wait(SECONDS) == 0
    assert "Stopped; nothing is left running." in said(tmp_path)
    assert "Traceback" not in said(tmp_path)
    assert processes_of(now["pids"]["engine"]) == []
    assert state(tmp_path) is None


def test_an_engine_that_dies_is_a_plain_message(tmp_path: Path) -> None:
    with started(tmp_path, "--once", "--port", str(any_free_port())) as process:
        now = eventually(lambda: state(tmp_path), "the stack is deployed")
        os.kill(now["pids"]["engine"], signal.SIGKILL)
        assert process.wait(SECONDS) == 1
    assert "Traceback" not in said(tmp_path)
    assert "engine.log" in said(tmp_path)
    assert processes_of(now["pids"]["engine"]) == []


def test_a_port_in_use_is_a_plain_message(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, text = finished(tmp_path, "--port", str(port))
    assert (status, "Traceback" in text) == (1, False)
    assert f"Port {port} is in use" in text
    assert f"make run PORT={port + 1}" in text
