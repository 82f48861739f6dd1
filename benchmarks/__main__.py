"""`python -m benchmarks`, which is `make bench`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Final

import typer

from benchmarks import report
from benchmarks.cold_start import cold_start
from benchmarks.command import command_start
from benchmarks.cpu import ingest_cpu
from benchmarks.curve import curve
from benchmarks.days import next_event
from benchmarks.figures import Figure
from benchmarks.redrive import redrive
from benchmarks.replay import replay
from benchmarks.stages import ingest_batch, ingest_single, process_hot, publish
from benchmarks.worst_body import worst_body
from pik_cli.shell.output import Output, OutputForm

BENCHMARKS: Final[dict[str, Callable[[], Figure]]] = {
    "cpu": ingest_cpu,  # first: a process that has run the others is slower
    "ingest": ingest_single,
    "ingest-batch": ingest_batch,
    "publish": publish,
    "replay": replay,
    "redrive": redrive,
    "process": process_hot,
    "next-event": next_event,
    "cold-start": cold_start,
    "worst-body": worst_body,
    "command": command_start,
}


def _known(names: list[str] | None) -> list[str] | None:
    for name in names or ():
        if name not in BENCHMARKS:
            raise typer.BadParameter(f"{name} is none of {', '.join(BENCHMARKS)}")
    return names


def bench(
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", callback=_known, help=f"One of {', '.join(BENCHMARKS)}; repeatable."),
    ] = None,
    output: Annotated[
        OutputForm, typer.Option("--output", "-o", help="table for people, json for programs.")
    ] = OutputForm.TABLE,
    save: Annotated[
        bool, typer.Option("--save", help="Write docs/benchmarks.* and the figures in README.md and docs/.")
    ] = False,
) -> None:
    """Measure this code: AWS calls and dollars per event, events per second under fixed delays, CPU and cold start.

    Nothing leaves the machine. Takes about a minute. Exit status 1 when a target is missed.
    """
    if save and only:
        raise typer.BadParameter("--save writes all figures; leave --only out")
    out = Output(output)
    figures = []
    for name in only or BENCHMARKS:
        out.note(f"{name} …")
        figures.append(BENCHMARKS[name]())
    points = []
    if save:
        out.note("cost and rate against batch size …")
        points = curve()
    saved = report.document(figures, points)
    if out.json_wanted:
        out.document(saved)
    else:
        rows = [(it.work, it.figure, it.target, report.said(it.met), it.how) for it in figures]
        out.table(["Work", "Figure", "Target", "Met", "How it was taken"], rows)
    if save:
        report.save(saved)
    raise typer.Exit(any(it.met is False for it in figures))


if __name__ == "__main__":
    typer.run(bench)
    sys.exit()
