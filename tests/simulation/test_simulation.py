"""The whole pipeline under seeded faults: the default run. `make simulate` runs more; docs/simulation.md explains."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation import cores
from tests.simulation.__main__ import main
from tests.simulation.faults import KINDS, OPERATIONS
from tests.simulation.planted import PLANTED
from tests.simulation.report import command, report
from tests.simulation.runner import SeedPlan, run
from tests.simulation.seeds import CHUNK, DEFAULT_SEEDS
from tests.simulation.shrink import shrink

ROOT = Path(__file__).parents[2]
_CALL = re.compile(r"[a-z]+_\w+ ")


@pytest.fixture(autouse=True, scope="module")
def _one_core() -> Iterator[None]:
    """Workers of xdist take one each."""
    available = cores.available()
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    cores.settle({available[worker % len(available)]})
    yield
    cores.settle(set(available))


@pytest.mark.parametrize("first", range(0, DEFAULT_SEEDS, CHUNK))
def test_the_invariants_hold_for_seeds(first: int) -> None:
    for seed in range(first, first + CHUNK):
        found = run(SeedPlan(seed))
        if found.violation is not None:
            pytest.fail(report(shrink(found)), pytrace=False)


@pytest.mark.parametrize("name", PLANTED)
def test_the_default_run_finds_what_is_planted(name: str) -> None:
    for seed in range(DEFAULT_SEEDS):
        if run(SeedPlan(seed), PLANTED[name]).violation is not None:
            return
    pytest.fail(f"{DEFAULT_SEEDS} seeds did not find {name!r}")


def test_a_seed_gives_the_same_schedule_and_the_same_end_in_every_process() -> None:
    code = (
        "from tests.simulation.runner import SeedPlan, run; print(*[run(SeedPlan(seed)).digest for seed in range(6)])"
    )
    digests = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        digests.add(subprocess.check_output([sys.executable, "-c", code], env=environment, cwd=ROOT, text=True).strip())
    digests.add(" ".join(run(SeedPlan(seed)).digest for seed in range(6)))
    assert len(digests) == 1
    assert len(set(digests.pop().split())) == 6


def test_a_failing_seed_shrinks_to_something_that_fails_alike_and_replays_exactly() -> None:
    plant = PLANTED["dedupe before raw"]
    runs = (run(SeedPlan(seed), plant) for seed in range(100))
    failed = next(it for it in runs if it.violation and len(it.events) > 20)  # of few events little can be dropped
    small = shrink(failed, plant)
    assert failed.violation is not None
    assert small.violation is not None
    assert small.violation.rule == failed.violation.rule
    assert len(small.events) < len(failed.events)
    assert len(small.fired) <= 2
    assert len(small.trace) < len(failed.trace) / 2
    assert run(small.plan, plant).digest == small.digest
    assert run(small.plan).violation is None


def test_a_report_names_the_seed_the_faults_the_schedule_and_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    name = "dedupe before raw"
    failed = next(it for it in (run(SeedPlan(seed), PLANTED[name]) for seed in range(100)) if it.violation)
    text = report(failed, name)
    assert text.startswith(f"seed {failed.plan.seed}: {failed.violation}")
    assert f"  {failed.fired[0]}" in text
    assert failed.trace[0][1] in text
    assert text.endswith(f"Replay it: {command(failed, name)}")
    assert main(["--seed", str(failed.plan.seed), "--plant", name]) == 1
    assert f"seed {failed.plan.seed}: {failed.violation}" in capsys.readouterr().out


def test_the_command_runs_seeds_on_all_cores_and_says_how_fast(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "4", "--seed", "7", "--jobs", "2"]) == 0
    said = capsys.readouterr().out
    assert "4 seeds from 7 on, 2 at a time" in said
    assert "a second: none failed" in said


def test_the_command_stops_at_the_first_failing_seed_and_makes_it_small(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "200", "--seed", "0", "--jobs", "2", "--plant", "error swallowed"]) == 1
    said = capsys.readouterr().out
    assert "seeds in" in said
    assert "a second: one failed" in said
    assert re.search(
        r"^Replay it: .* --seed \d+ --events (none|[\d,]+) --faults (none|[\d,]+) --plant", said, re.MULTILINE
    )


def test_the_default_seeds_meet_every_kind_of_fault_and_of_end_and_every_call_can_fail() -> None:
    kinds: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    calls: set[tuple[str, str]] = set()
    for seed in range(60):
        found = run(SeedPlan(seed))
        kinds.update(it.kind for it in found.fired)
        ends.update(what.split()[1].rstrip(",") for _, _, what in found.trace if what.startswith("answered "))
        ends.update(what for _, who, what in found.trace if who == "operator")
        calls |= {(who.partition("-")[0], what.split()[0]) for _, who, what in found.trace if _CALL.match(what)}
    assert kinds.keys() == KINDS.keys()
    assert calls <= {(function, it) for function, operations in OPERATIONS.items() for it in operations}
    assert {"200", "202", "207", "400", "409", "503", "DryRun=True", "EnableProcessor=False"} <= ends.keys()


def test_the_document_lists_what_is_planted() -> None:
    text = (ROOT / "docs" / "simulation.md").read_text("utf-8")
    rows = text[text.index("| Planted fault |") :].split("\n\n", 1)[0].splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == list(PLANTED)
