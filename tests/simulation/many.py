"""Many seeds at once, in processes of their own."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context
from typing import Any, Final

from tests.simulation import cores
from tests.simulation.planted import PLANTED
from tests.simulation.runner import SeedPlan, run

_CHUNK: Final = 20


def results(first: int, count: int, jobs: int, planted: str | None) -> Iterator[tuple[int, int | None]]:
    """Chunk after chunk as they end: how many seeds were run, and the one that failed."""
    chunks = ((at, min(_CHUNK, first + count - at)) for at in range(first, first + count, _CHUNK))
    context = get_context("spawn")  # a fork would share the threads that carry tasks, without their stacks
    queue: Any = context.Queue()
    for core in islice(_cycle(cores.available()), jobs):
        queue.put(core)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_settle, initargs=(queue,)) as pool:
        waiting: set[Future[tuple[int, int | None]]] = {
            pool.submit(_chunk, *it, planted) for it in islice(chunks, 2 * jobs)
        }
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                waiting |= {pool.submit(_chunk, *it, planted) for it in islice(chunks, len(done))}
                yield from (it.result() for it in done)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _cycle(numbers: list[int]) -> Iterable[int]:
    while True:
        yield from numbers


def _settle(queue: Any) -> None:
    """A process on a core of its own; the parent alone hears Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cores.settle({queue.get()})


def _chunk(first: int, count: int, planted: str | None) -> tuple[int, int | None]:
    """How many seeds were run, and the one that failed."""
    plant = PLANTED[planted] if planted else None
    for seed in range(first, first + count):
        if run(SeedPlan(seed), plant).violation is not None:
            return seed - first + 1, seed
    return count, None
