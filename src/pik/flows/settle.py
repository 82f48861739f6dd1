"""The rounds in which ingest writes down a request's events: each writes what the outcomes of the last one ask for."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from pik.domain.event.plan import Chunk, IngestStep, Settled, chunks
from pik.domain.shared.failures import TransientFailure
from pik.domain.shared.limits import INGEST_THREADS, MAX_INGEST_ROUNDS

if TYPE_CHECKING:
    from pik.adapters.dynamodb.event_index import EventIndex

_BACKOFF_SECONDS: Final = 0.05  # the longest wait before contended steps are tried again; doubled each round


class Unsettled(TransientFailure):
    """Other requests held these rows longer than this one may wait; the producer's retry will find them free."""


def settle(index: EventIndex, steps: Sequence[IngestStep], sleep: Callable[[float], None]) -> dict[int, Settled]:
    """The end of every event, by its submission's index. Raises Unsettled, ClientError."""
    settled: dict[int, Settled] = {}
    pending = list(steps)
    for round_number in range(MAX_INGEST_ROUNDS):
        before, pending = pending, []
        for step, after in _write(index, chunks(before)):
            if isinstance(after, Settled):
                settled[step.submission.index] = after
            else:
                pending.append(after)
        if not pending:
            return settled
        if pending == before:  # nothing moved: another request holds these rows
            sleep(random.uniform(0, _BACKOFF_SECONDS * 2**round_number))  # noqa: S311 (jitter, no secret)
    raise Unsettled(f"{len(pending)} events are held by other requests")


def _write(index: EventIndex, batches: Sequence[Chunk]) -> list[tuple[IngestStep, IngestStep | Settled]]:
    if len(batches) == 1:
        return batches[0].advance(index.write(batches[0].actions))
    with ThreadPoolExecutor(INGEST_THREADS) as pool:
        written = pool.map(lambda chunk: chunk.advance(index.write(chunk.actions)), batches)
        return [pair for pairs in written for pair in pairs]
