"""`make fuzz`: requests that nobody meant to send, on all cores, up to the first that is answered wrongly."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from random import SystemRandom
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

sys.path[:0] = [str(Path(__file__).parents[2] / "src")]

from tests.fuzz.many import rounds  # noqa: E402 (needs the path)
from tests.fuzz.rounds import REQUESTS, BrokenRule  # noqa: E402
from tests.simulation import cores  # noqa: E402

_DEFAULT_COUNT: Final = 100_000
_REPORT_SECONDS: Final = 60
"""Between two lines of progress where there is no terminal."""


def main(arguments: list[str] | None = None) -> int:
    """0 when every request was answered as it should be, 1 when one was not."""
    given = _parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    first = given.seed if given.seed is not None else SystemRandom().randrange(1, 10**9)
    count = -(-(given.count or (REQUESTS if given.seed is not None else _DEFAULT_COUNT)) // REQUESTS)
    console.print(f"{count * REQUESTS:,} requests from seed {first} on, {given.jobs} processes")
    begun = time.monotonic()
    answers, broken = _run_all(console, first, count, given.jobs)
    seconds = time.monotonic() - begun
    for name, count in sorted(answers.items()):
        console.print(f"  {count:>9,}  {name}", markup=False)
    total = answers.total()
    console.print(f"{total:,} requests in {seconds:.0f} s, {total / seconds:,.0f} a second")
    if broken is None:
        console.print("none was answered with a 5xx, none raised, none computed for a second")
        return 0
    console.print(f"request {broken.number} of seed {broken.seed}: {broken.what}", markup=False)
    console.print(json.dumps(broken.call, indent=2), markup=False)
    console.print(f"make fuzz SEED={broken.seed} repeats it")
    return 1


def _run_all(console: Console, first: int, count: int, jobs: int) -> tuple[Counter[str], BrokenRule | None]:
    answers: Counter[str] = Counter()
    reported = time.monotonic()
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("requests", total=count * REQUESTS)
        for found in rounds(first, count, jobs):
            answers += found.answers
            progress.update(bar, completed=answers.total())
            if found.broken:
                return answers, found.broken
            if not console.is_terminal and time.monotonic() - reported > _REPORT_SECONDS:
                reported = time.monotonic()
                console.print(f"{answers.total():,} of {count * REQUESTS:,} requests")
    return answers, None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--count", type=_number, help=f"requests, whole rounds of {REQUESTS} (default {_DEFAULT_COUNT:,})"
    )
    parser.add_argument("--seed", type=_number, help="of the first round; alone: that round only")
    parser.add_argument("--jobs", type=_number, default=len(cores.available()), help="processes")
    return parser


def _number(text: str) -> int | None:
    return int(text) if text else None  # make passes what was not given as nothing


if __name__ == "__main__":
    sys.exit(main())
