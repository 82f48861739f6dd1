"""The table for people, the document for programs, and the files in docs/ that are made of it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import cost
from benchmarks.figures import Figure
from benchmarks.plot import svg
from scripts.docs.pages import markdown_table, replaced

DOCS: Final = Path(__file__).parents[1] / "docs"
SAVED: Final = DOCS / "benchmarks.json"
PLOT: Final = DOCS / "benchmarks.svg"
PAGE: Final = DOCS / "benchmarks.md"
FIGURES: Final = DOCS / "reference" / "figures.md"
README: Final = DOCS.parent / "README.md"

HEADLINES: Final = (
    "ingest, one event per request",
    "ingest, 100 per request",
    "replay of 10,000 stored events",
    "redrive of 1,000 messages",
)
"""The works whose figures the README shows; docs/reference/figures.md has all."""


def document(figures: Sequence[Figure], curve: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All that was measured, and on what."""
    return {
        "machine": {"python": platform.python_version(), "cpus": os.cpu_count(), "architecture": platform.machine()},
        "figures": [it.columns() for it in figures],
        "curve": list(curve),
    }


def said(met: bool | None) -> str:
    """Whether a target was met, in a word."""
    return {True: "yes", False: "no", None: "–"}[met]


def save(saved: Mapping[str, Any]) -> None:
    """Write docs/benchmarks.json, its picture, and the tables of all pages that show figures."""
    SAVED.write_text(json.dumps(saved, indent=2, ensure_ascii=False) + "\n", "utf-8")
    PLOT.write_text(svg(saved["curve"]), "utf-8")
    renew_pages(saved)


def renew_pages(saved: Mapping[str, Any]) -> None:
    """Write the tables of all pages that show figures, from figures that were saved."""
    for path, name, text in parts(saved):
        path.write_text(replaced(path.read_text("utf-8"), name, text), "utf-8")


def parts(saved: Mapping[str, Any]) -> list[tuple[Path, str, str]]:
    """Each page that shows figures, the name of its marks, and what is between them."""
    return [
        (PAGE, "figures", page_tables(saved)),
        (FIGURES, "figures", figures_table(saved["figures"])),
        (FIGURES, "cost", cost_table(saved)),
        (README, "figures", figures_table([it for it in saved["figures"] if it["work"] in HEADLINES])),
        (README, "cost", cost_table(saved)),
    ]


def figures_table(figures: Sequence[Mapping[str, Any]]) -> str:
    """Work, figure, target, met."""
    rows = [[it["work"], it["figure"], it["target"], said(it["met"])] for it in figures]
    return markdown_table(["Work, events of about 1 KB", "Figure", "Target", "Met"], rows)


def cost_table(saved: Mapping[str, Any]) -> str:
    """What a month costs at some rates."""
    return markdown_table(cost.COLUMNS, cost.rows(saved))


def page_tables(saved: Mapping[str, Any]) -> str:
    """Machine, figures with how each was taken, and the curve."""
    machine = saved["machine"]
    taken_on = (
        f"Python {machine['python']} on {machine['cpus']} CPUs, {machine['architecture']}, shared with other work."
    )
    taken = [[it["work"], it["figure"], it["how"]] for it in saved["figures"]]
    points = [
        [
            str(it["batch"]),
            f"${it['dollars_per_million']:.2f}",
            f"{it['calls_per_event']:.3f}",
            f"{it['events_per_second']:,}",
        ]
        for it in saved["curve"]
    ]
    columns = ["Events per request", "Dollars per million", "Calls per event", "Events per second"]
    figures = markdown_table(["Work", "Figure", "How it was taken"], taken)
    return f"{taken_on}\n\n{figures}\n\n{markdown_table(columns, points)}"
