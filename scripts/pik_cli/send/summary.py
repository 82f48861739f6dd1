"""What became of the events of a file: counts by status, and the first findings. Pure, and writable as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from pik.domain.event.rows import ACCEPTED, CONFLICT, DUPLICATE, REJECTED
from pik.domain.shared.limits import MAX_BODY_BYTES
from pik_cli.send.batches import Batch, outcomes
from pik_cli.send.source import Item
from pik_cli.shell.limits import CLI_MAX_PROBLEMS

FAILED: Final = "FAILED"
STATUSES: Final = (ACCEPTED, DUPLICATE, CONFLICT, REJECTED, FAILED)
FINDINGS: Final = (CONFLICT, REJECTED, FAILED)


@dataclass(frozen=True, slots=True, order=True)
class EventFinding:
    """One event that was not taken: its line and number in the file, where in it, and why."""

    line: int
    event: int
    status: str
    path: str
    message: str


@dataclass
class EventCounts:
    """Counts by status, and the findings of the first lines, at most CLI_MAX_PROBLEMS."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATUSES, 0))
    findings: list[EventFinding] = field(default_factory=list)
    left_out: int = 0

    @property
    def events(self) -> int:
        """How many events have an end."""
        return sum(self.counts.values())

    @property
    def has_findings(self) -> bool:
        """Whether some events were not taken; duplicates were, before."""
        return any(self.counts[status] for status in FINDINGS)

    def add(self, other: EventCounts) -> None:
        """Take in what became of more events; the order in which that happens does not matter."""
        for status, count in other.counts.items():
            self.counts[status] += count
        everything = sorted([*self.findings, *other.findings])
        self.findings = everything[:CLI_MAX_PROBLEMS]
        self.left_out += other.left_out + len(everything) - len(self.findings)

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {
            "counts": dict(self.counts),
            "findings": [asdict(it) for it in self.findings],
            "left_out": self.left_out,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> EventCounts:
        """Raises KeyError, TypeError or ValueError for something that `as_json` did not write."""
        counts = {status: int(value["counts"][status]) for status in STATUSES}
        return cls(counts, [EventFinding(**it) for it in value["findings"]], int(value["left_out"]))


def of_answer(batch: Batch, body: Mapping[str, Any]) -> EventCounts | None:
    """What a response says of each event, or None when it is no answer of the kit to many events."""
    results = body.get("results")
    if not isinstance(results, list) or len(results) != len(batch.items):
        return None
    tally = EventCounts()
    for place, (item, result) in enumerate(outcomes(batch, results)):
        tally.add(_of_result(item, result if isinstance(result, dict) else {}, place))
    return tally


def all_as(status: str, items: Iterable[Item], path: str, message: str) -> EventCounts:
    """The same end for all of these events."""
    tally = EventCounts()
    for item in items:
        tally.add(_one(status, [EventFinding(item.line, item.number, status, path, message)]))
    return tally


def too_long(items: Iterable[Item]) -> EventCounts:
    """Events that no request can hold, rejected on this side."""
    tally = EventCounts()
    for item in items:
        message = f"the event has {item.length:,} bytes; a request holds at most {MAX_BODY_BYTES:,}"
        tally.add(all_as(REJECTED, [item], "body", message))
    return tally


def _of_result(item: Item, result: Mapping[str, Any], place: int) -> EventCounts:
    status = result.get("status")
    if status not in STATUSES:
        return _one(FAILED, [EventFinding(item.line, item.number, FAILED, "", f"the answer says status {status!r}")])
    if status not in FINDINGS:
        return _one(status, [])
    problems = [it for it in result.get("errors") or [] if isinstance(it, dict)]
    problems = problems or [{"path": "", "message": result.get("reason") or "no reason was given"}]
    found = [
        EventFinding(item.line, item.number, status, within(str(it.get("path", "")), place), str(it.get("message", "")))
        for it in problems
    ]
    return _one(status, found)


def within(path: str, place: int) -> str:
    """A path in a request of many as a path in its event `place`: `/3/payload` is `/payload` in event 3."""
    prefix = f"/{place}"
    if path == prefix:
        return ""
    return path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path


def _one(status: str, findings: list[EventFinding]) -> EventCounts:
    tally = EventCounts()
    tally.counts[status] = 1
    tally.findings = findings
    return tally
