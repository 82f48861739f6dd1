"""How others find a running local engine: .local/state.json, and the lock that lets only one run at a time."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from scripts.local.engine import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY

LOCAL_DIRECTORY: Final = Path(__file__).resolve().parents[2] / ".local"


class AlreadyRunning(Exception):
    """Another `make run` has this directory; the text says where it serves and how to stop it."""


@dataclass(frozen=True, slots=True)
class EngineState:
    """Where the engine is and how to call it; `pids` are its processes by role: all of them live, or it is stale.

    `started_at` is UTC, ISO 8601. The credentials are the engine's own dummies.
    """

    endpoint: str
    api_url: str
    stack_name: str
    pids: Mapping[str, int]
    log_file: str
    started_at: str
    region: str = REGION
    credentials: Mapping[str, str] = field(
        default_factory=lambda: {"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY}
    )


def state_file(directory: Path) -> Path:
    """The file that `pik` looks for."""
    return directory / "state.json"


def write(directory: Path, state: EngineState) -> None:
    """Write the state in one step: a reader sees all of it or the one before."""
    scratch = directory / "state.json.new"
    scratch.write_text(json.dumps(asdict(state), indent=2) + "\n", encoding="utf-8")
    scratch.replace(state_file(directory))


def remove(directory: Path) -> None:
    """Remove the state, if it is there."""
    state_file(directory).unlink(missing_ok=True)


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Hold the directory for one engine. The kernel lets go of the lock however the process ends, so a crash blocks
    nobody, and a state that a crash left behind is removed here.

    Raises AlreadyRunning, and OSError when the directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(_who_runs(directory)) from error
        remove(directory)
        try:
            yield
        finally:
            remove(directory)


def _who_runs(directory: Path) -> str:
    try:
        state = json.loads(state_file(directory).read_text(encoding="utf-8"))
        place = f" at {state['endpoint']} since {state['started_at']} (process {state['pids']['run']})"
    except (OSError, ValueError, KeyError, TypeError):
        place = " and is just starting"
    return (
        f"A local engine already runs{place}.\nUse that one (.venv/bin/pik status), "
        "or stop it with Ctrl-C in its terminal and start again."
    )


def pids(engine_pid: int) -> dict[str, int]:
    """The processes whose lives mean that the engine lives: this one and the engine's."""
    return {"run": os.getpid(), "engine": engine_pid}
