"""Sending discarded batches again: every readable event once, with an account of every record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pik.adapters.dynamodb.items import from_item
from pik.adapters.sqs.work_queue import WorkQueue
from pik.domain.event.outbox import INSERT, UnreadableBatch, announced, sequence_of
from pik.domain.event.work import Message
from pik_cli.shell.discarded import DiscardedBatch, DiscardedBatches
from pik_cli.shell.errors import Refusal, describe
from pik_cli.shell.limits import CLI_FAILED_BATCHES, CLI_MAX_PROBLEMS

_REPEATED: Final = "in an earlier batch of this run"


@dataclass(frozen=True, slots=True)
class RecoveryProblem:
    """What could not be recovered, and why. `sequence_number` is empty for a whole batch."""

    key: str
    sequence_number: str
    reason: str


@dataclass
class RecoveryCounts:
    """What happened to each batch and to each record of those that were read."""

    found: int = 0
    recovered: int = 0
    recovered_before: int = 0
    incomplete: int = 0
    unreadable_batches: int = 0
    sent: int = 0
    unreadable: int = 0
    unsent: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    problems: list[RecoveryProblem] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether anything is left that a person must look at."""
        return bool(self.incomplete or self.unreadable_batches)

    def note(self, problem: RecoveryProblem) -> None:
        """Keep the first ones; the counts are always complete."""
        if len(self.problems) < CLI_MAX_PROBLEMS:
            self.problems.append(problem)

    def totals(self) -> dict[str, Any]:
        """Stable form, without the problems."""
        return {
            "batches": {
                "found": self.found,
                "recovered": self.recovered,
                "recovered_before": self.recovered_before,
                "incomplete": self.incomplete,
                "unreadable": self.unreadable_batches,
            },
            "events": {
                "sent": self.sent,
                "skipped": dict(self.skipped),
                "unreadable": self.unreadable,
                "unsent": self.unsent,
            },
        }


@dataclass
class BatchPlan:
    """What is to be done with the records of one batch, by their place in it."""

    messages: dict[int, Message] = field(default_factory=dict)
    unreadable: dict[int, str] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)


class Recovery:
    """One run. Without a queue it is a dry run: everything is read, and nothing sent or marked.

    A batch is marked after its events are in the queue. A death in between sends them once more, which counts nothing
    twice: the processor counts an event by its id.
    """

    def __init__(self, batches: DiscardedBatches, queue: WorkQueue | None, facts: Mapping[str, Any]) -> None:
        self.counts = RecoveryCounts()
        self._batches = batches
        self._queue = queue
        self._facts = facts
        self._seen: set[str] = set()
        self._refused = 0

    def run(self, found: Sequence[DiscardedBatch], tell: Callable[[str], None]) -> None:
        """All of them, in order. Raises Refusal when SQS takes nothing, and ClientError."""
        self.counts.found = len(found)
        for place, batch in enumerate(found, 1):
            if batch.done:
                self.counts.recovered_before += 1
                continue
            self._recover(batch)
            tell(f"{place:,} of {len(found):,} batches, {self.counts.sent:,} events")

    def _recover(self, batch: DiscardedBatch) -> None:
        try:
            records = self._batches.records(batch)
        except UnreadableBatch as error:
            self.counts.unreadable_batches += 1
            self.counts.note(RecoveryProblem(batch.key, "", str(error)))
            return
        plan = self._plan(records)
        unsent = self._send(plan)
        self._count(plan, unsent)
        left = {**plan.unreadable, **{place: describe(error) for place, error in unsent.items()}}
        for place, reason in left.items():
            self.counts.note(RecoveryProblem(batch.key, sequence_of(records[place]), reason))
        if self._queue is not None:
            self._mark(batch, plan, [sequence_of(records[place]) for place in sorted(left)])
        self._stop_when_refused(plan, unsent)

    def _plan(self, records: Sequence[Any]) -> BatchPlan:
        plan = BatchPlan()
        for place, record in enumerate(records):
            try:
                name = record["eventName"]
                work = announced(name, from_item(record["dynamodb"]["NewImage"]) if name == INSERT else {})
                if isinstance(work, str):
                    plan.skipped[work] += 1
                elif work.event_id in self._seen:
                    plan.skipped[_REPEATED] += 1
                else:
                    plan.messages[place] = work.message()
                    self._seen.add(work.event_id)
            # Whatever a record raises, it alone is at fault; it may be foreign.
            except Exception as error:  # noqa: BLE001
                plan.unreadable[place] = f"{type(error).__name__}: {error}"
        return plan

    def _send(self, plan: BatchPlan) -> dict[int, Exception]:
        return self._queue.send(plan.messages) if self._queue is not None else {}

    def _count(self, plan: BatchPlan, unsent: Mapping[int, Exception]) -> None:
        counts = self.counts
        counts.sent += len(plan.messages) - len(unsent)
        counts.unsent += len(unsent)
        counts.unreadable += len(plan.unreadable)
        counts.skipped += plan.skipped
        if unsent or plan.unreadable:
            counts.incomplete += 1
        else:
            counts.recovered += 1

    def _mark(self, batch: DiscardedBatch, plan: BatchPlan, left: Sequence[str]) -> None:
        facts = {**self._facts, "sent": len(plan.messages), "skipped": dict(plan.skipped)}
        if not left:
            self._batches.mark_done(batch, facts)
        else:
            self._batches.mark_partial(batch, facts, left)

    def _stop_when_refused(self, plan: BatchPlan, unsent: Mapping[int, Exception]) -> None:
        self._refused = self._refused + 1 if plan.messages and len(unsent) == len(plan.messages) else 0
        if self._refused == CLI_FAILED_BATCHES:
            raise Refusal(
                f"SQS has taken nothing of {CLI_FAILED_BATCHES} batches: {describe(next(iter(unsent.values())))}",
                "What was sent is marked. When the cause is gone, run the same command again.",
            )
