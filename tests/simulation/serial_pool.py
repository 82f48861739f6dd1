"""Thread pools of functions without threads: one call after the other, now or when asked, in an order of the seed.

A call that was given up is never made, or later, in the midst of other things: as the seed says, it had begun or not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future
from random import Random
from types import TracebackType
from typing import Any, Self

from tests.support.faults import Killed


class SerialFuture(Future[Any]):
    """A call that is made when its pool gets to it; at the latest when its result is requested."""

    def __init__(self, pool: SerialPool, call: Callable[[], Any]) -> None:
        super().__init__()
        self.pool = pool
        self.call = call
        self.made_at = 0.0

    def result(self, timeout: float | None = None) -> Any:
        while not self.done():
            self.pool.make_one()
        return super().result(timeout)

    def cancel(self) -> bool:
        return self.pool.has_not_begun() and super().cancel()

    def make(self) -> None:
        """Make the call. What ends the process ends it here."""
        if not self.set_running_or_notify_cancel():
            return
        try:
            self.set_result(self.call())
        # A future holds whatever its call raised.
        except Exception as error:  # noqa: BLE001
            self.set_exception(error)
        except BaseException:
            self.pool.dead = True
            raise
        self.made_at = self.pool.now()


class SerialPool:
    """Replaces ThreadPoolExecutor."""

    def __init__(self, rng: Random, now: Callable[[], float]) -> None:
        self._rng = rng
        self.now = now
        self._pending: list[SerialFuture] = []
        self.dead = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, Exception):  # a dead process begins nothing more
            self.shutdown()

    def submit(self, function: Callable[..., Any], /, *args: Any, **named: Any) -> SerialFuture:
        future = SerialFuture(self, lambda: function(*args, **named))
        self._pending.append(future)
        if self._rng.random() < 0.5:
            self.make_one()
        return future

    def map(self, function: Callable[..., Any], *items: Iterable[Any]) -> Iterator[Any]:
        futures = [self.submit(function, *args) for args in zip(*items, strict=False)]
        return (future.result() for future in futures)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        while self._pending:
            self.make_one()

    def has_not_begun(self) -> bool:
        """Of a call that is given up, as the seed says."""
        return self._rng.random() < 0.5

    def make_one(self) -> None:
        """Make one of the calls that wait. Raises Killed when the process died in one of them."""
        if self.dead:
            raise Killed("the process ended")
        future = self._pending.pop(self._rng.randrange(len(self._pending)))
        future.make()


def wait(futures: Iterable[SerialFuture], timeout: float | None = None, return_when: str = ALL_COMPLETED) -> Any:
    """Replaces concurrent.futures.wait. What was done too late is not done: a thread would still be at it."""
    waiting = list(futures)
    until = math.inf if timeout is None or not waiting else waiting[0].pool.now() + timeout
    while pending := [it for it in waiting if not it.done()]:
        pool = pending[0].pool
        if pool.now() >= until or (return_when == FIRST_COMPLETED and len(pending) < len(waiting)):
            break
        pool.make_one()
    done = {it for it in waiting if it.done() and it.made_at <= until}
    return done, set(waiting) - done
