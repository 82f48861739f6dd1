"""Many rounds at once, in processes of their own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.fuzz.rounds import FuzzRound, run_round


def rounds(first: int, count: int, jobs: int) -> Iterator[FuzzRound]:
    """The rounds of `count` seeds, in their order."""
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_settle)
    try:
        yield from pool.map(run_round, range(first, first + count), chunksize=2)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _settle() -> None:
    """Only the parent hears Ctrl-C, and what functions log goes nowhere: it is written all the same."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
