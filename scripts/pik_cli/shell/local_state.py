"""The local engine as `make run` describes it in .local/state.json, found without being named."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

STATE_FILE: Final = Path(".local", "state.json")


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """A running local engine. `pids` are those of its processes; `log_file` is what it and its functions print.
    `started_at` identifies the run."""

    endpoint: str
    api_url: str
    stack_name: str
    region: str
    access_key_id: str
    secret_access_key: str
    pids: tuple[int, ...]
    log_file: str
    started_at: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """The engine that was found, or why what was found does not count (empty when there was nothing)."""

    engine: LocalEngine | None = None
    ignored: str = ""


def find(start: Path, alive: Callable[[int], bool] | None = None) -> Search:
    """Look in `start` and upwards for a state file whose processes live. Never raises: a bad file is a reason."""
    path = next((folder / STATE_FILE for folder in (start, *start.parents) if (folder / STATE_FILE).is_file()), None)
    if path is None:
        return Search()
    try:
        engine = _parse(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Search(ignored=f"{path} cannot be read ({type(error).__name__}: {error}) and is ignored.")
    gone = [pid for pid in engine.pids if not (alive or is_alive)(pid)]
    if gone or not engine.pids:
        processes = ", ".join(map(str, gone)) or "unknown"
        return Search(ignored=f"The local engine of {path} no longer runs (process {processes}).")
    return Search(engine)


def is_alive(pid: int) -> bool:
    """Whether a process with this id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it exists and belongs to somebody else
        return True
    return True


def _parse(state: dict[str, Any]) -> LocalEngine:
    credentials = state["credentials"]
    return LocalEngine(
        endpoint=str(state["endpoint"]),
        api_url=str(state["api_url"]),
        stack_name=str(state["stack_name"]),
        region=str(state["region"]),
        access_key_id=str(credentials["access_key_id"]),
        secret_access_key=str(credentials["secret_access_key"]),
        pids=tuple(_numbers(state["pids"])),
        log_file=str(state["log_file"]),
        started_at=str(state.get("started_at", "")),
    )


def _numbers(pids: Any) -> Iterable[int]:
    """Process ids, whether kept as a list, by name, or as one number."""
    values = pids.values() if isinstance(pids, dict) else pids if isinstance(pids, list) else [pids]
    return (int(value) for value in values)
