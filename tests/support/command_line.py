"""What tests of the command need: a machine without AWS settings, an API, and a state file that leads to it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from pik_cli.main import app
from tests.support.api_server import ApiServer
from tests.support.redrive_backend import RedriveBackend

Pik = Callable[..., Result]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to work in on a machine that knows nothing of AWS."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "PIK_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def api(machine: Path) -> Iterator[ApiServer]:
    """A running API, and a local engine's state file that names it."""
    with ApiServer().running() as server:
        write_state(machine, server.url)
        yield server


@pytest.fixture
def pik(machine: Path) -> Pik:
    """The command, run in this process."""

    def run(*args: str, **options: Any) -> Result:
        return CliRunner().invoke(app, list(args), **options)

    return run


def write_state(directory: Path, url: str, **changes: Any) -> Path:
    """A state file as `make run` writes it; this process takes the place of the engine's."""
    state = {
        "endpoint": url,
        "api_url": url,
        "stack_name": "pik-local",
        "region": "us-east-1",
        "pids": {"engine": os.getpid(), "run": os.getpid()},
        "log_file": "/tmp/engine.log",
        "started_at": "2026-11-20T10:00:00+00:00",
        "credentials": {"access_key_id": "test", "secret_access_key": "test"},
        **changes,
    }
    path = directory / ".local" / "state.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(state))
    return path


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between attempts are random; the random number is 0."""
    monkeypatch.setattr("pik_cli.shell.api.random.random", lambda: 0.0)


def summary(result: Result) -> dict[str, Any]:
    value = json.loads(result.stdout)
    assert isinstance(value, dict)
    return value


def journals(machine: Path) -> list[Path]:
    return sorted((machine.parent / "state" / "pik" / "send").glob("*"))


def wait_for_posts(api: ApiServer, count: int) -> None:
    for _ in range(count):
        assert api.arrived.acquire(timeout=20)


@pytest.fixture
def backend(machine: Path, monkeypatch: pytest.MonkeyPatch, no_waiting: None) -> RedriveBackend:
    """What `pik dlq` talks to, in place of AWS and of the API."""
    found = RedriveBackend()
    write_state(machine, "http://127.0.0.1:9")
    transport = httpx.MockTransport(found)
    monkeypatch.setattr("pik_cli.shell.api.http_client", lambda local: httpx.Client(transport=transport))
    monkeypatch.setattr("pik_cli.shell.session.StackAws", lambda _target: found)
    monkeypatch.setattr("pik_cli.dlq.follow.time.sleep", lambda seconds: None)
    monkeypatch.setattr("pik.observability.metrics.flush_metrics", lambda: None)  # it prints
    return found
