"""Ports, environment, state and lock of the local engine; nothing here starts one."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pik_cli.shell import local_state
from scripts.local import engine, run, state
from scripts.local.engine import HOST, Engine, EngineError, any_free_port, choose_port, environment
from scripts.local.state import AlreadyRunning, EngineState

STATE = EngineState(
    endpoint="http://127.0.0.1:4566",
    api_url="http://127.0.0.1:4566/_aws/execute-api/pik",
    stack_name="pik-local",
    pids=state.pids(os.getpid()),
    log_file="/somewhere/engine.log",
    started_at="2026-11-20T10:00:00+00:00",
)


def test_a_wanted_port_that_is_free_is_taken() -> None:
    port = any_free_port()
    assert choose_port(port) == port


def test_a_wanted_port_in_use_is_refused_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EngineError, match=rf"Port {port} is in use.*make run PORT={port + 1}"):
            choose_port(port)


@pytest.mark.parametrize("port", [0, 65_536])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(EngineError, match="is not a port"):
        choose_port(port)


def test_without_a_wish_another_port_is_found_when_the_usual_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        monkeypatch.setattr(engine, "USUAL_PORT", taken.getsockname()[1])
        found = choose_port(None)
        assert found != engine.USUAL_PORT
    assert choose_port(None) == engine.USUAL_PORT


def test_the_engine_enforces_roles_listens_on_loopback_and_sees_nothing_of_the_shell(tmp_path: Path) -> None:
    outer = {
        "PATH": "/bin",
        "AWS_PROFILE": "production",
        "AWS_SECRET_ACCESS_KEY": "real",
        "HTTPS_PROXY": "http://proxy",
        "LOG_LEVEL": "DEBUG",
    }

    inner = environment(8080, tmp_path, outer)

    assert (inner["AUTH"], inner["BIND_HOST"], inner["GATEWAY_PORT"]) == ("true", "127.0.0.1", "8080")
    assert inner["PATH"] == "/bin"
    assert not {"AWS_PROFILE", "HTTPS_PROXY", "LOG_LEVEL"} & set(inner)
    assert inner["AWS_SECRET_ACCESS_KEY"] == "test"


def test_an_engine_that_ends_at_once_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    broken = Engine(any_free_port(), tmp_path / "engine", tmp_path / "engine.log")
    broken._process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], start_new_session=True)
    broken.log_file.write_text("\n".join(f"line {number}" for number in range(100)))
    try:
        with pytest.raises(EngineError, match=r"ended unexpectedly(.|\n)*line 99") as caught:
            broken.wait_ready(30)
        assert "line 50" not in str(caught.value)
    finally:
        broken.stop()


def test_stopping_ends_the_whole_process_group_even_what_ignores_a_polite_request(tmp_path: Path) -> None:
    stubborn = (
        "import signal, subprocess, sys, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    )
    parent = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {stubborn!r}]); p.wait()"
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()  # the child ignores SIGTERM from here on
    running = Engine(any_free_port(), tmp_path, tmp_path / "engine.log")
    running._process = process

    running.stop()
    running.stop()

    # The pipe ends only when nobody holds it any more.
    ready, _, _ = select.select([process.stdout], [], [], 10)
    assert ready
    assert process.stdout.read() == b""


def test_a_directory_that_cannot_be_written_is_a_plain_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="Cannot write to"):
        Engine(any_free_port(), tmp_path / "file", tmp_path / "engine.log").start()


def test_the_command_finds_the_state_that_is_written(tmp_path: Path) -> None:
    directory = tmp_path / ".local"
    directory.mkdir()
    state.write(directory, STATE)

    found = local_state.find(tmp_path).engine

    assert found is not None
    assert (found.endpoint, found.api_url, found.stack_name) == (STATE.endpoint, STATE.api_url, "pik-local")
    assert (found.region, found.access_key_id, found.secret_access_key) == ("us-east-1", "test", "test")
    assert (found.pids, found.log_file) == ((os.getpid(), os.getpid()), "/somewhere/engine.log")


def test_one_run_at_a_time_and_the_second_is_told_where_the_first_is(tmp_path: Path) -> None:
    with state.exclusive(tmp_path):
        state.write(tmp_path, STATE)
        with (
            pytest.raises(AlreadyRunning, match=rf"{STATE.endpoint}.*process {os.getpid()}"),
            state.exclusive(tmp_path),
        ):
            pytest.fail("two runs at once")
        assert state.state_file(tmp_path).exists()  # the refused one must not remove it
    assert not state.state_file(tmp_path).exists()


def test_a_run_that_is_just_starting_is_told_as_such(tmp_path: Path) -> None:
    with state.exclusive(tmp_path), pytest.raises(AlreadyRunning, match="just starting"), state.exclusive(tmp_path):
        pytest.fail("two runs at once")


def test_what_a_crash_left_behind_is_removed_by_the_next_run(tmp_path: Path) -> None:
    state.write(tmp_path, STATE)
    with state.exclusive(tmp_path):
        assert not state.state_file(tmp_path).exists()


def test_a_state_is_never_half_written(tmp_path: Path) -> None:
    state.write(tmp_path, STATE)
    assert json.loads(state.state_file(tmp_path).read_text())["pids"] == {"run": os.getpid(), "engine": os.getpid()}
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("port", ["abc", "80a", "٣", "-1", "8080 8081"])
def test_a_port_that_is_no_number_is_a_plain_message(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main([f"--port={port}"]) == 2
    assert "is not a port" in capsys.readouterr().out


def test_a_missing_package_is_a_plain_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "scripts.local.session", raising=False)
    monkeypatch.delattr("scripts.local.session", raising=False)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert run.main([]) == 1
    assert "make setup" in capsys.readouterr().out
