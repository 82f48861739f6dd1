"""What a person reads about a seed that failed."""

from __future__ import annotations

from typing import Final

from tests.simulation.runner import SeedRun

_MAX_LINES: Final = 150
_COMMAND: Final = ".venv/bin/python -m tests.simulation"


def command(run: SeedRun, planted: str | None = None) -> str:
    """What replays a run exactly, in the folder of the repository."""
    return f"{_COMMAND} {run.plan}" + (f" --plant '{planted}'" if planted else "")


def report(run: SeedRun, planted: str | None = None) -> str:
    """The seed, the rule, the schedule, and how to see it again."""
    lines = [f"seed {run.plan.seed}: {run.violation or 'every rule holds'}", ""]
    lines += [f"{len(run.events)} events, {len(run.fired)} faults:", *(f"  {it}" for it in run.fired), ""]
    start = run.trace[0][0] if run.trace else 0.0
    trace = [f"{at - start:10.3f} s  {who:<14} {what}" for at, who, what in run.trace]
    if len(trace) > _MAX_LINES:
        trace[_MAX_LINES // 2 : -_MAX_LINES // 2] = [f"  ... {len(trace) - _MAX_LINES} lines more ..."]
    return "\n".join([*lines, *trace, "", f"Replay it: {command(run, planted)}"])
