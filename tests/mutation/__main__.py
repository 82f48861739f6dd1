"""`make mutate`: breaks single lines of the domain, flows and adapters, and shows the breaks that nothing notices."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from typing import Final

ROOT: Final = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src")]

from rich.console import Console  # noqa: E402 (needs the path)

from tests.mutation.choice import Choice  # noqa: E402
from tests.mutation.covering import BrokenBeforehand, Covering, covering  # noqa: E402
from tests.mutation.equivalents import entry, equivalents  # noqa: E402
from tests.mutation.mutants import Mutant, sample  # noqa: E402
from tests.mutation.trial import MutantOutcome, judge  # noqa: E402
from tests.mutation.workspace import Workspace  # noqa: E402

DEFAULT_COUNT: Final = 300
DEFAULT_SEED: Final = 1
KILLED: Final = 0.95
"""The part of the mutants that tests or the simulation have to notice, however many are said to be equivalent."""


def main(arguments: list[str] | None = None) -> int:
    """0 when enough mutants were killed and the others are known to be equivalent, 1 when not."""
    given = _parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    begun = time.monotonic()
    count, seed = given.count or DEFAULT_COUNT, DEFAULT_SEED if given.seed is None else given.seed
    console.print(f"{count} mutants from seed {seed}, {given.jobs} at a time")
    mutants = [it for it in sample(ROOT, count, seed) if not given.only or it.name in given.only]
    known = [it for it in mutants if any(equivalent.is_of(it) for equivalent in equivalents())]
    due = [it for it in mutants if it not in known]
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        workspaces = [Workspace(ROOT, Path(folder) / str(number)) for number in range(given.jobs)]
        try:
            console.print("which tests run which lines ...")
            found = covering(ROOT, ROOT / ".local" / "mutation", workspaces[0], given.jobs)
        except BrokenBeforehand as error:
            console.print(f"Tests fail without a mutant; fix these first:\n{error}")
            return 1
        outcomes = []
        for outcome in _judge_all(due, workspaces, found, simulate=not given.no_simulation):
            outcomes.append(outcome)
            console.print(f"{len(outcomes):>4} of {len(due)}  {_line(outcome)}")
    return _report(console, outcomes, known, f"seed {seed}, {(time.monotonic() - begun) / 60:.0f} minutes")


def _judge_all(
    mutants: Sequence[Mutant], workspaces: Sequence[Workspace], found: Covering, *, simulate: bool
) -> Iterator[MutantOutcome]:
    """The outcomes as they come, one mutant per workspace at a time."""
    choice = Choice(ROOT, found)
    free: SimpleQueue[Workspace] = SimpleQueue()
    for workspace in workspaces:
        free.put(workspace)

    def judge_one(mutant: Mutant) -> MutantOutcome:
        workspace = free.get()
        try:
            return judge(mutant, workspace, choice, found, simulate=simulate)
        finally:
            free.put(workspace)

    pool = ThreadPoolExecutor(len(workspaces))
    try:
        for future in as_completed([pool.submit(judge_one, mutant) for mutant in mutants]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C only the mutants under way end


def _line(outcome: MutantOutcome) -> str:
    mutant = outcome.mutant
    fate = f"killed by {outcome.killer}" if outcome.killer else f"SURVIVED {outcome.tests} tests"
    return f"{mutant.name}  {mutant.path.removeprefix('src/pik/')}:{mutant.lines[0]} {mutant.operator}: {fate}"


def _report(console: Console, outcomes: Sequence[MutantOutcome], known: Sequence[Mutant], end: str) -> int:
    survivors = [it for it in outcomes if not it.killer]
    for outcome in survivors:
        tried = f"{outcome.tests} tests" + (" and the simulation" if outcome.simulated else "")
        console.print(f"\n{outcome.mutant.name} survived {tried} ({outcome.mutant.operator}):")
        console.print(outcome.mutant.diff((ROOT / outcome.mutant.path).read_text("utf-8")))
    killed = len(outcomes) - len(survivors)
    by_simulation = sum(1 for it in outcomes if it.killer and it.simulated)
    killers = f"{killed - by_simulation} by tests, {by_simulation} by the simulation"
    total = len(outcomes) + len(known)
    share = killed / total if total else 1.0
    console.print(f"\n{total} mutants; {end}")
    console.print(
        f"{killed} killed ({killers}), {len(survivors)} survived, {len(known)} equivalent: {share:.1%} killed"
    )
    if share < KILLED:
        console.print(f"At least {KILLED:.0%} have to be killed.")
    if not survivors:
        return 0 if share >= KILLED else 1
    console.print("Give each survivor a test, or add it to tests/mutation/equivalent.toml with its reason:")
    for outcome in survivors:
        console.print(f"\n{entry(outcome.mutant)}")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--count", type=_number, help=f"lines to break (default {DEFAULT_COUNT})")
    parser.add_argument("--seed", type=_number, help=f"which lines and how (default {DEFAULT_SEED})")
    parser.add_argument("--jobs", type=_number, default=2, help="mutants at a time (default 2)")
    parser.add_argument("--only", type=_names, default=[], help="of these mutants, those with these names")
    parser.add_argument("--no-simulation", action="store_true", help="run tests only")
    return parser


def _number(text: str) -> int | None:
    return int(text) if text else None  # make passes what was not given as nothing


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


if __name__ == "__main__":
    sys.exit(main())
