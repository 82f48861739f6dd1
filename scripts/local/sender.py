"""Sends a file of events to the API, as any producer would: NDJSON over HTTP, in batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

BATCH_EVENTS: Final = 100
_TIMEOUT: Final = httpx.Timeout(60.0, connect=5.0)  # seconds; the first request waits for a cold start
_FATES: Final = ("accepted", "duplicate", "conflict", "rejected")


class SendError(Exception):
    """The API did not take a batch; the text has its answer."""


@dataclass(frozen=True, slots=True)
class SampleRefusal:
    """A line that was rejected: its number in the file from 1, its text, and what its sender read about it."""

    number: int
    line: str
    errors: tuple[tuple[str, str], ...]
    """(path, message) of each finding."""


@dataclass
class SampleSent:
    """What left this machine and what the API answered."""

    events: int = 0
    requests: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    refusals: list[SampleRefusal] = field(default_factory=list)


def send_file(api_url: str, path: Path, batch_events: int = BATCH_EVENTS) -> SampleSent:
    """Send each line that is not blank. Raises SendError, httpx.TransportError, OSError."""
    lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    sent = SampleSent()
    with httpx.Client(trust_env=False, timeout=_TIMEOUT) as client:
        for batch in _batches(lines, batch_events):
            body = "\n".join(batch).encode()
            answer = client.post(f"{api_url}/events", content=body, headers={"content-type": "application/x-ndjson"})
            _note(sent, batch, answer)
    return sent


def _batches(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    batch: list[str] = []
    for line in lines:
        batch.append(line)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _note(sent: SampleSent, batch: list[str], answer: httpx.Response) -> None:
    if answer.status_code not in (202, 207, 400):
        raise SendError(f"POST /events answered {answer.status_code}: {answer.text[:500]}")
    report: dict[str, Any] = answer.json()
    for index, result in enumerate(report["results"]):
        if result["status"] == "REJECTED":
            errors = tuple((it["path"], it["message"]) for it in result["errors"])
            sent.refusals.append(SampleRefusal(sent.events + index + 1, batch[index], errors))
    sent.events += len(batch)
    sent.requests += 1
    sent.answered.update({fate: int(report[fate]) for fate in _FATES})
