"""The journal of a send: the batches of a file that an API has answered, so that a rerun continues after a break.

It is kept below $XDG_STATE_HOME/pik/send (~/.local/state/pik/send), because the file's own directory may not be ours
to write to. Its name is a hash of the file's content, the API and the way the file is cut into batches: another file,
API or batch size has another journal. It is replaced as a whole (temporary file, then rename) after each batch, so a
break leaves the old one or the new one. A batch that was under way at the break is not in it and is sent again: each of
its events has the identity that it had, so the API answers DUPLICATE for what it had stored, and nothing doubles. That
holds for every event: by idempotency key, by time and payload, or, without a time of its own, by payload alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from bisect import bisect_left
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from pik_cli.send.summary import EventCounts
from pik_cli.shell.errors import Refusal

try:
    import fcntl
except ImportError:  # a system without it has no guard against two sends of one file; the API's dedupe still holds
    fcntl = None  # type: ignore[assignment]

_VERSION: Final = 1


@dataclass
class Ranges:
    """A set of whole numbers kept as stretches: batches end nearly in order, so a few hold any number of them."""

    stretches: list[list[int]] = field(default_factory=list)

    def __contains__(self, number: int) -> bool:
        place = bisect_left(self.stretches, number, key=lambda it: it[1])
        return place < len(self.stretches) and self.stretches[place][0] <= number

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.stretches)

    def add(self, number: int) -> None:
        """Put a number in; putting it in twice changes nothing."""
        if number in self:
            return
        place = bisect_left(self.stretches, number, key=lambda it: it[1])
        self.stretches.insert(place, [number, number])
        self._join(place)
        self._join(place - 1)

    def _join(self, place: int) -> None:
        """Make one of two stretches that touch: the one at `place` and the next."""
        if 0 <= place < len(self.stretches) - 1 and self.stretches[place][1] + 1 == self.stretches[place + 1][0]:
            self.stretches[place][1] = self.stretches.pop(place + 1)[1]


def folder(environ: Mapping[str, str]) -> Path:
    """Where journals are kept."""
    state = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state, "pik", "send")


def key_of(content_sha: str, target: str, form: str, batch_size: int) -> str:
    """The name of a journal. `target` identifies the API, and a run of the local engine, which keeps nothing."""
    parts = json.dumps([_VERSION, content_sha, target, form, batch_size])
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


@dataclass
class Journal:
    """The batches that are done, and what became of their events. Without a `path` it keeps nothing."""

    path: Path | None = None
    file: str = ""
    target: str = ""
    done: Ranges = field(default_factory=Ranges)
    tally: EventCounts = field(default_factory=EventCounts)
    _lock: IO[str] | None = field(default=None, repr=False)

    def record(self, number: int, outcome: EventCounts) -> None:
        """Note that a batch is done. Raises OSError when the journal cannot be written."""
        self.done.add(number)
        self.tally.add(outcome)
        if self.path is not None:
            _replace(self.path, self._as_json())

    def remove(self) -> None:
        """The file is done as a whole: nothing is left to remember."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self._lock_path(self.path).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the lock; without a journal nothing is left behind."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
            if self.path is not None and not self.path.exists():
                self._lock_path(self.path).unlink(missing_ok=True)

    def lock(self) -> None:
        """Keep a second send of the same file to the same API out until `close`. Raises Refusal, OSError."""
        if self.path is None or fcntl is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self._lock_path(self.path).open("w", encoding="utf-8")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            raise Refusal(
                f"Another `pik send` of {self.file} to this API is under way.", "Let it end, or stop it."
            ) from None

    def load(self) -> str:
        """Take up what an earlier run left; gives a note when what is there cannot be read and is not used."""
        if self.path is None:
            return ""
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            done = Ranges([[int(first), int(last)] for first, last in kept["done"]])
            tally = EventCounts.from_json(kept["tally"])
        except FileNotFoundError:
            return ""
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return f"The journal {self.path} cannot be read ({type(error).__name__}) and is not used."
        self.done, self.tally = done, tally
        return ""

    def _as_json(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "file": self.file,
            "target": self.target,
            "done": self.done.stretches,
            "tally": self.tally.as_json(),
        }

    @staticmethod
    def _lock_path(path: Path) -> Path:
        return path.with_suffix(".lock")


def _replace(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())  # the rename must not survive a power cut that the content did not
        temporary.replace(path)
    except BaseException:  # also Ctrl-C: leave no temporary file behind, whatever it was, and let it go on
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
