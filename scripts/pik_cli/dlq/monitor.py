"""`pik dlq monitor`: the dead-letter queue, sampled until Ctrl-C."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Group, RenderableType
from rich.live import Live

from pik_cli.dlq.advice import level_of
from pik_cli.dlq.status import running
from pik_cli.shell.errors import Unreachable, explain
from pik_cli.shell.output import Output, Words, make_table
from pik_cli.shell.queues import read_queue
from pik_cli.shell.session import Session, session_of

_KEPT: Final = 15  # samples on the screen
_COLUMNS: Final = ("time", "messages", "in flight", "in/min", "out/min", "work queue", "running")


@dataclass(frozen=True, slots=True)
class QueueSample:
    """One sample. `in_per_minute` and `out_per_minute` are what the depth rose or fell by since the last sample;
    messages that come and go between two samples cancel out. None at the first."""

    time: str
    messages: int | None
    in_flight: int | None
    in_per_minute: float | None
    out_per_minute: float | None
    work_queue: int | None
    running: list[str]
    level: int


def monitor(
    context: typer.Context,
    *,
    interval: Annotated[float, typer.Option(min=0.5, max=3600, help="Seconds between two samples.")] = 5.0,
    count: Annotated[
        int | None, typer.Option("--count", "-n", min=1, help="Samples to take; without it, until Ctrl-C.")
    ] = None,
) -> None:
    """Watch the dead-letter queue: depth, rates in and out, the work queue, and redrives that run.

    Rates are what the depth rose or fell by: messages that come and go between two samples cancel out. One line per
    sample without a terminal; with -o json one document per line. Nothing is received, so nothing is hidden.

    \b
    Examples:
      pik dlq monitor
      pik dlq monitor --interval 30
      pik dlq monitor --interval 1 --count 10 -o json
    """
    session = session_of(context)
    output = session.output
    sampler = QueueSampler(session)
    try:
        if output.json_wanted or not output.stdout.is_terminal:
            if not output.json_wanted:
                output.line(_aligned(_COLUMNS))
            _repeat(sampler, interval, count, lambda seen: _print_one(seen, output))
            return
        kept: deque[QueueSample] = deque(maxlen=_KEPT)
        with Live(console=output.stdout, auto_refresh=False) as live:
            _repeat(sampler, interval, count, lambda seen: live.update(_page(seen, kept), refresh=True))
    except KeyboardInterrupt:  # how a watch ends
        return


class QueueSampler:
    """Takes samples, and remembers the last one for the rates."""

    def __init__(self, session: Session, clock: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._clock = clock
        self._last: tuple[float, int] | None = None

    def take(self) -> QueueSample:
        """The queues now."""
        session = self._session
        dead = read_queue(session.aws, session.stack, "WorkDeadLetterQueue")
        work = read_queue(session.aws, session.stack, "WorkQueue")
        letters = None if dead.problem else dead.total
        rise = self._rise(letters)
        return QueueSample(
            datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            letters,
            dead.in_flight,
            None if rise is None else max(rise, 0.0),
            None if rise is None else abs(min(rise, 0.0)),
            None if work.problem else work.total,
            running(session)[0],
            level_of(letters or 0).number,
        )

    def _rise(self, letters: int | None) -> float | None:
        """Messages per minute more than at the last sample."""
        now, last = self._clock(), self._last
        if letters is None:
            return None
        self._last = (now, letters)
        if last is None or now <= last[0]:
            return None
        return round((letters - last[1]) * 60 / (now - last[0]), 1)


def _repeat(
    sampler: QueueSampler, interval: float, count: int | None, show: Callable[[QueueSample | str], None]
) -> None:
    """The first sample may fail; later ones report it and go on, because networks recover."""
    show(sampler.take())
    taken = 1
    while count is None or taken < count:
        time.sleep(interval)
        try:
            show(sampler.take())
        except (BotoCoreError, ClientError, Unreachable) as error:
            show(f"Could not read the queue: {(explain(error) or error)}. Trying again.")
        taken += 1


def _print_one(seen: QueueSample | str, output: Output) -> None:
    if isinstance(seen, str):
        output.note(seen)
    elif output.json_wanted:
        output.document(as_json(seen), compact=True)
    else:
        output.line(_aligned(_cells(seen)))


def _aligned(cells: Sequence[Any]) -> str:
    """Cells as columns that stay in place, sample after sample."""
    first, *middle, last = (str(cell) for cell in cells)
    return "  ".join([f"{first:<20}", *(f"{cell:>10}" for cell in middle), last])


def _page(seen: QueueSample | str, kept: deque[QueueSample]) -> RenderableType:
    if isinstance(seen, str):
        return Words(seen)
    kept.append(seen)
    level = level_of(seen.messages or 0)
    heading = f"Dead letters   Ctrl-C ends{f'   level {level.number}: {level.advice}' if level.number else ''}"
    # A run's id is long: in a column of the table it would be broken.
    runs = [Words(f"Running: {', '.join(seen.running)}")] if seen.running else []
    rows = [[seen_at.time[11:], *_cells(seen_at)[1:-1]] for seen_at in kept]
    return Group(Words(heading), make_table(_COLUMNS[:-1], rows, lines=True), *runs)


def _cells(sample: QueueSample) -> list[Any]:
    cells = (
        sample.time,
        sample.messages,
        sample.in_flight,
        sample.in_per_minute,
        sample.out_per_minute,
        sample.work_queue,
    )
    return [*("-" if cell is None else cell for cell in cells), ", ".join(sample.running) or "-"]


def as_json(sample: QueueSample) -> dict[str, Any]:
    """Stable form; null for what could not be read, and for the rates of the first sample."""
    return asdict(sample)
