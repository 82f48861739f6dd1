"""`make simulate`: many seeds on all cores, up to the first that fails; or one plan, reported in full."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from random import SystemRandom
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

sys.path[:0] = [str(Path(__file__).parents[2] / "src")]

from tests.simulation import cores  # noqa: E402 (needs the path)
from tests.simulation.many import results  # noqa: E402
from tests.simulation.planted import PLANTED  # noqa: E402
from tests.simulation.report import report  # noqa: E402
from tests.simulation.runner import SeedPlan, run  # noqa: E402
from tests.simulation.shrink import shrink  # noqa: E402

_DEFAULT_SEEDS: Final = 2_000
_TELL_SECONDS: Final = 60
"""Between two lines of progress where there is no terminal."""


def main(arguments: list[str] | None = None) -> int:
    """0 when every rule held, 1 when a seed failed."""
    given = _parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    plant = PLANTED[given.plant] if given.plant else None
    if given.seeds is None and given.seed is not None:
        found = run(SeedPlan(given.seed, given.events, given.faults), plant)
        console.print(report(found, given.plant), markup=False)
        return 1 if found.violation else 0
    first = given.seed if given.seed is not None else SystemRandom().randrange(1, 10**9)
    count = given.seeds or _DEFAULT_SEEDS
    bad = _run_all(console, first, count, given)
    if bad is None:
        return 0
    console.print(f"seed {bad} fails; making it small ...")
    console.print(report(shrink(run(SeedPlan(bad), plant), plant), given.plant), markup=False)
    return 1


def _run_all(console: Console, first: int, count: int, given: argparse.Namespace) -> int | None:
    """The seed that failed."""
    console.print(f"{count} seeds from {first} on, {given.jobs} at a time")
    begin, done = time.monotonic(), 0
    reported = begin
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    bad = None
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("seeds", total=count, rate="")
        for size, bad in results(first, count, given.jobs, given.plant):
            done += size
            rate = done / (time.monotonic() - begin)
            progress.update(bar, completed=done, rate=f"{rate:.0f} seeds/s")
            if bad is not None:
                break
            if not console.is_terminal and time.monotonic() - reported > _TELL_SECONDS:  # a log has no bar that grows
                reported = time.monotonic()
                console.print(f"{done} of {count} seeds passed, {rate:.0f} a second")
    seconds = time.monotonic() - begin
    console.print(
        f"{done} seeds in {seconds:.0f} s, {done / seconds:.1f} a second: {'none' if bad is None else 'one'} failed"
    )
    return bad


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=_count, help=f"how many seeds to run (default {_DEFAULT_SEEDS})")
    parser.add_argument("--seed", type=_count, help="the first of them; alone: tell this one in full")
    parser.add_argument("--events", type=_numbers, help="with --seed: only these events, or none")
    parser.add_argument("--faults", type=_numbers, help="with --seed: only these faults, or none")
    parser.add_argument("--plant", choices=sorted(PLANTED), help="plant this fault in the code")
    parser.add_argument("--jobs", type=_count, default=len(cores.available()), help="processes")
    return parser


def _count(text: str) -> int | None:
    return int(text) if text else None  # make passes what was not given as nothing


def _numbers(text: str) -> frozenset[int]:
    return frozenset() if text == "none" else frozenset(map(int, text.split(",")))


if __name__ == "__main__":
    sys.exit(main())
