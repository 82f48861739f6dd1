"""Whether anything notices one mutant: its quickest tests, then all of its tests, then the simulation."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutation.choice import Choice
from tests.mutation.covering import Covering
from tests.mutation.mutants import Mutant
from tests.mutation.workspace import Workspace
from tests.simulation.seeds import DEFAULT_SEEDS

_FIRST_TESTS: Final = 60
_FIRST_SECONDS: Final = 5.0
"""Of the tests in the first round, which finds nearly all."""
_GRACE_SECONDS: Final = 60
"""For a machine that others use too; a mutant that never ends costs this once."""
_SLOWER: Final = 6
"""How much slower than before tests may be until they count as never ending."""
_SIMULATION_SECONDS: Final = 1_800
_NOT_FOUND: Final = (4, 5)
"""What pytest ends with when there is no such test."""
_MEMORY_BYTES: Final = 4 * 1024**3
_OPTIONS: Final = ("-x", "-q", "--no-header", "--tb=no", "--hypothesis-seed=0", "-p", "no:xdist", "-p", "no:pytest_cov")


@dataclass(frozen=True, slots=True)
class MutantOutcome:
    """`killer` says what noticed the mutant; it is empty when nothing did."""

    mutant: Mutant
    killer: str
    tests: int
    simulated: bool


def judge(mutant: Mutant, workspace: Workspace, choice: Choice, covering: Covering, *, simulate: bool) -> MutantOutcome:
    """Runs what could notice it, until something does."""
    tests = choice.of(mutant)
    first, total = 0, 0.0
    while first < min(len(tests), _FIRST_TESTS) and total < _FIRST_SECONDS:
        total += covering.seconds[tests[first]]
        first += 1
    simulated = simulate and choice.is_simulated(mutant)
    with workspace.broken(mutant):
        for batch in (tests[:first], tests[first:]):
            expected = sum(covering.seconds[test] for test in batch)
            if batch and (killer := _killer(workspace.root, batch, expected)):
                return MutantOutcome(mutant, killer, len(tests), simulated=False)
        if simulated and (killer := _simulation(workspace.root)):
            return MutantOutcome(mutant, killer, len(tests), simulated=True)
    return MutantOutcome(mutant, "", len(tests), simulated)


def _killer(tree: Path, tests: Sequence[str], expected: float) -> str:
    status, output = _run_tests(tree, tests, expected)
    if status in _NOT_FOUND:
        # A mutant in what tests are parametrized by renames them, which is not yet a failure.
        functions = list(dict.fromkeys(test.partition("[")[0] for test in tests))
        status, output = _run_tests(tree, functions, expected)
    if status is None:
        return "never ends"
    if status == 0:
        return ""
    lines = [line for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return lines[0].split(" - ")[0].partition(" ")[2] if lines else f"pytest, which ends with {status}"


def _run_tests(tree: Path, tests: Sequence[str], expected: float) -> tuple[int | None, str]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as listed:
        listed.write("\n".join(tests))
        listed.flush()
        command = [sys.executable, "-m", "pytest", *_OPTIONS, "-p", "no:cacheprovider", f"@{listed.name}"]
        return _run(command, tree, _GRACE_SECONDS + _SLOWER * expected)


def _simulation(tree: Path) -> str:
    command = [sys.executable, "-m", "tests.simulation", "--seed", "0", "--seeds", str(DEFAULT_SEEDS), "--jobs", "1"]
    status, output = _run(command, tree, _SIMULATION_SECONDS)
    if status is None:
        return "the simulation, which never ends"
    if status == 0:
        return ""
    found = [line for line in output.splitlines() if line.startswith("seed ")]
    return f"the simulation: {found[-1]}" if found else f"the simulation, which ends with {status}"


def _run(command: Sequence[str], tree: Path, seconds: float) -> tuple[int | None, str]:
    """The exit status, None when it did not end in time, and what it printed."""
    path = os.pathsep.join([str(tree / "src"), str(tree / "scripts"), str(tree)])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        command,
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    if hasattr(resource, "prlimit"):  # on Linux; a mutant that collects without end must not fill the machine
        resource.prlimit(process.pid, resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its children too
        process.communicate()
        return None, ""
    return process.returncode, output
