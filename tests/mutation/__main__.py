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
from tests.mutation.trial import Verdict, judge  # noqa: E402
from tests.mutation.workspace import Workspace  # noqa: E402

DEFAULT_COUNT: Final = 300
DEFAULT_SEED: Final = 1
KILLED: Final = 0.95
"""The part of the mutants, without the equivalent ones, that tests or the simulation have to notice."""


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
        verdicts = []
        for verdict in _judge_all(due, workspaces, found, simulate=not given.no_simulation):
            verdicts.append(verdict)
            console.print(f"{len(verdicts):>4} of {len(due)}  {_line(verdict)}")
    return _report(console, verdicts, known, f"seed {seed}, {(time.monotonic() - begun) / 60:.0f} minutes")


def _judge_all(
    mutants: Sequence[Mutant], workspaces: Sequence[Workspace], found: Covering, *, simulate: bool
) -> Iterator[Verdict]:
    """The verdicts as they come, one mutant per workspace at a time."""
    choice = Choice(ROOT, found)
    free: SimpleQueue[Workspace] = SimpleQueue()
    for workspace in workspaces:
        free.put(workspace)

    def judge_one(mutant: Mutant) -> Verdict:
        workspace = free.get()
        try:
            return judge(mutant, workspace, choice, found, simulate=simulate)
        finally:
            free.put(workspace)

    with ThreadPoolExecutor(len(workspaces)) as pool:
        for future in as_completed([pool.submit(judge_one, mutant) for mutant in mutants]):
            yield future.result()


def _line(verdict: Verdict) -> str:
    mutant = verdict.mutant
    outcome = f"killed by {verdict.killer}" if verdict.killer else f"SURVIVED {verdict.tests} tests"
    return f"{mutant.name}  {mutant.path.removeprefix('src/pik/')}:{mutant.lines[0]} {mutant.operator}: {outcome}"


def _report(console: Console, verdicts: Sequence[Verdict], known: Sequence[Mutant], end: str) -> int:
    survivors = [it for it in verdicts if not it.killer]
    for verdict in survivors:
        tried = f"{verdict.tests} tests" + (" and the simulation" if verdict.simulated else "")
        console.print(f"\n{verdict.mutant.name} survived {tried} ({verdict.mutant.operator}):")
        console.print(verdict.mutant.diff((ROOT / verdict.mutant.path).read_text("utf-8")))
    killed = len(verdicts) - len(survivors)
    by_simulation = sum(1 for it in verdicts if it.killer and it.simulated)
    killers = f"{killed - by_simulation} by tests, {by_simulation} by the simulation"
    console.print(f"\n{len(verdicts) + len(known)} mutants, {len(known)} of them equivalent; {end}")
    console.print(f"{killed} killed ({killers}), {len(survivors)} survived: {killed / max(len(verdicts), 1):.1%}")
    if not survivors:
        return 0
    console.print("Give each survivor a test, or add it to tests/mutation/equivalent.toml with its reason:")
    for verdict in survivors:
        console.print(f"\n{entry(verdict.mutant)}")
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
