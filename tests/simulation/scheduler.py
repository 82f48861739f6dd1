"""Functions that run at the same time, one at a time: a baton goes from thread to thread at calls to AWS.

Each invocation is a task on a thread of its own, and only the one that holds the baton runs. It gives the baton back
before every call to AWS and when it sleeps, and the driver, which owns the seed, says who goes on. So what runs when
depends on the seed alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random
from typing import Any, ClassVar, Final

from tests.support.aws.clock import Clock
from tests.support.faults import Killed

LATENCY_SECONDS: Final = (0.001, 0.06)
"""What a call to AWS takes, from and to."""


class Task:
    """One invocation. `value` is what it returned and `error` what it raised, once `done`; `killed` when neither."""

    def __init__(self, name: str, function: str, deadline: float, *, dry: bool) -> None:
        self.name = name
        self.function = function
        self.deadline = deadline
        self.dry = dry
        self.wake = 0.0
        self.done = False
        self.doomed = False
        self.killed = False
        self.value: Any = None
        self.error: Exception | None = None
        self.ended: Callable[[Task], None] = lambda _: None
        self.carrier = Carrier.idle()


class Carrier:
    """A thread that carries one task after the other, because starting threads is dear."""

    _idle: ClassVar[list[Carrier]] = []

    def __init__(self) -> None:
        self.go = threading.Lock()
        self.go.acquire()
        self.work: Callable[[], None] = lambda: None
        threading.Thread(target=self._carry, daemon=True, name="carrier").start()

    @classmethod
    def idle(cls) -> Carrier:
        return cls._idle.pop() if cls._idle else cls()

    def free(self) -> None:
        """What it carried has ended."""
        self._idle.append(self)

    def _carry(self) -> None:
        while True:
            self.go.acquire()
            self.work()


class Scheduler:
    """Hands the baton over. `current` is the task that holds it, None while the driver does."""

    def __init__(self, clock: Clock, rng: Random, *, stickiness: float) -> None:
        self.clock = clock
        self.current: Task | None = None
        self.tasks: list[Task] = []
        self._rng = rng
        self._stickiness = stickiness
        self._back = threading.Lock()
        self._back.acquire()

    def start(self, task: Task, work: Callable[[], Any]) -> None:
        """Make a task of `work`; it runs when it is stepped for the first time."""
        self.tasks.append(task)
        task.wake = self.clock.now
        task.carrier.work = lambda: self._run(task, work)

    def runnable(self) -> list[Task]:
        """The tasks that do not sleep."""
        now = self.clock.now
        return [task for task in self.tasks if task.wake <= now]

    def wake(self) -> float | None:
        """When the first of the sleepers wakes."""
        return min((task.wake for task in self.tasks), default=None)

    def step(self, task: Task) -> None:
        """Let a task run until it pauses or ends."""
        self.current = task
        task.carrier.go.release()
        self._back.acquire()
        self.current = None
        if task.done:
            self.tasks.remove(task)
            task.carrier.free()
            task.ended(task)

    def pause(self) -> None:
        """Before a call to AWS: time passes, and others may go first. Raises Killed when the time is up."""
        self.clock.advance(self._rng.uniform(*LATENCY_SECONDS))
        if self._rng.random() >= self._stickiness:
            self._give_way(0.0)
        self._die_if_due()

    def sleep(self, seconds: float) -> None:
        """What a function sleeps. Raises Killed when the time is up."""
        self._give_way(seconds)
        self._die_if_due()

    def close(self) -> None:
        """Ends every task where it is."""
        for task in list(self.tasks):
            task.doomed = True
            task.ended = lambda _: None
            while not task.done:
                self.step(task)

    def _give_way(self, seconds: float) -> None:
        task = self.current
        assert task is not None, "only tasks pause"
        task.wake = min(self.clock.now + seconds, task.deadline)
        self._back.release()
        task.carrier.go.acquire()

    def _die_if_due(self) -> None:
        task = self.current
        assert task is not None, "only tasks pause"
        if task.doomed or self.clock.now >= task.deadline:
            raise Killed("the process ended")

    def _run(self, task: Task, work: Callable[[], Any]) -> None:
        try:
            if task.doomed:
                raise Killed("the process ended")
            task.value = work()
        except Killed:
            task.killed = True
        # Whatever a function raises is what the world sees of it: the driver judges.
        except Exception as error:  # noqa: BLE001
            task.error = error
        finally:
            task.done = True
            self._back.release()
