"""Which tests run which lines, and how long each takes: from one run of all tests that could bite, kept until a file
changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from coverage import CoverageData

from tests.mutation.mutants import FOLDERS
from tests.mutation.workspace import Workspace, content_hash

TESTS: Final = (
    "tests/unit/domain",
    "tests/unit/flows",
    "tests/unit/adapters",
    "tests/unit/test_entry.py",
    "tests/unit/test_schemas.py",
    "tests/unit/test_workers.py",
    "tests/integration",
    "tests/template",
)
"""Tests of behaviour. A test that compares a page with the code kills any change of a number, whatever it means."""

_COVERAGE: Final = "[run]\nrelative_files = true\n"
_SIMULATED: Final = 60
"""Seeds whose lines count as simulated."""
_SIMULATE: Final = (
    "from tests.simulation.runner import SeedPlan, run\n"
    f"for seed in range({_SIMULATED}):\n    assert run(SeedPlan(seed)).violation is None, seed\n"
)


class BrokenBeforehand(Exception):
    """Tests fail without a mutant, so nothing can be learned from them."""


@dataclass(frozen=True)
class Covering:
    """What ran which line."""

    folder: Path

    @cached_property
    def seconds(self) -> Mapping[str, float]:
        """Of each test."""
        recorded: dict[str, float] = json.loads((self.folder / "tests.json").read_text("utf-8"))["seconds"]
        return recorded

    @cached_property
    def _tests(self) -> CoverageData:
        return _data(self.folder / "tests.coverage")

    @cached_property
    def _simulation(self) -> CoverageData:
        return _data(self.folder / "simulation.coverage")

    def tests(self, path: str, lines: Iterable[int]) -> set[str]:
        """The tests that run any of these lines, except while they import."""
        by_line = self._tests.contexts_by_lineno(path)
        return {context.rpartition("|")[0] for line in lines for context in by_line.get(line, ()) if context}

    def is_simulated(self, path: str, lines: Iterable[int]) -> bool:
        return not set(self._simulation.lines(path) or ()).isdisjoint(lines)


def _data(path: Path) -> CoverageData:
    data = CoverageData(str(path))
    data.read()
    return data


def covering(root: Path, cache: Path, workspace: Workspace, jobs: int) -> Covering:
    """Of the tree as it is. Raises BrokenBeforehand."""
    folder = cache / content_hash(root)
    if not (folder / "simulation.coverage").exists():
        for old in cache.glob("*"):
            if old.name != folder.name and (old / "tests.json").exists():
                shutil.rmtree(old)
        folder.mkdir(parents=True, exist_ok=True)
        _run_tests(workspace.root, folder, jobs)
        _run_simulation(workspace.root, folder)
    return Covering(folder)


def _run_tests(tree: Path, folder: Path, jobs: int) -> None:
    settings = folder / "coverage.ini"
    settings.write_text(_COVERAGE, "utf-8")
    measured = [f"--cov={name}" for name in FOLDERS]
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(jobs), "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    command += ["-p", "tests.mutation.recorder", "--cov-context=test", "--cov-report=", f"--cov-config={settings}"]
    environment = {"COVERAGE_FILE": str(folder / "tests.coverage"), "MUTATION_RECORD": str(folder / "tests.json")}
    done = _run([*command, *measured, *(name for name in TESTS if (tree / name).exists())], tree, environment)
    failed = json.loads((folder / "tests.json").read_text("utf-8"))["failed"] if done.returncode < 2 else []
    if done.returncode:
        raise BrokenBeforehand("\n".join(failed) or done.stdout[-2000:])


def _run_simulation(tree: Path, folder: Path) -> None:
    settings = folder / "coverage.ini"
    command = [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", f"--include={','.join(_globs())}"]
    script = folder / "simulate.py"
    script.write_text(_SIMULATE, "utf-8")
    target = folder / "simulation.unfinished"
    done = _run([*command, str(script)], tree, {"COVERAGE_FILE": str(target)})
    if done.returncode:
        raise BrokenBeforehand(done.stdout[-2000:])
    target.rename(folder / "simulation.coverage")


def _globs() -> list[str]:
    return [f"{name}/*" for name in FOLDERS]


def _run(command: list[str], tree: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(tree / "src"), str(tree / "scripts"), str(tree)])
    return subprocess.run(
        command,
        cwd=tree,
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
