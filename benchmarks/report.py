"""The table for people, the document for programs, and the files in docs/ that are made of it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figure
from benchmarks.plot import svg

DOCS: Final = Path(__file__).parents[1] / "docs"
SAVED: Final = DOCS / "benchmarks.json"
PLOT: Final = DOCS / "benchmarks.svg"
PAGE: Final = DOCS / "benchmarks.md"
README: Final = DOCS.parent / "README.md"
_BEGIN, _END = "<!-- figures -->", "<!-- /figures -->"


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
    """Write docs/benchmarks.json, its picture, and the tables in docs/benchmarks.md and README.md."""
    SAVED.write_text(json.dumps(saved, indent=2, ensure_ascii=False) + "\n", "utf-8")
    PLOT.write_text(svg(saved["curve"]), "utf-8")
    for path, text in ((PAGE, page_tables(saved)), (README, readme_table(saved))):
        path.write_text(replaced(path.read_text("utf-8"), text), "utf-8")


def readme_table(saved: Mapping[str, Any]) -> str:
    """Work, figure, target, met."""
    rows = [[it["work"], it["figure"], it["target"], said(it["met"])] for it in saved["figures"]]
    return _markdown(["Work, events of about 1 KB", "Figure", "Target", "Met"], rows)


def page_tables(saved: Mapping[str, Any]) -> str:
    """Machine, figures with how each was taken, and the curve."""
    machine = saved["machine"]
    told = f"Python {machine['python']} on {machine['cpus']} CPUs, {machine['architecture']}, shared with other work."
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
    curve = _markdown(["Events a request", "Dollars a million", "Calls an event", "Events a second"], points)
    return f"{told}\n\n{_markdown(['Work', 'Figure', 'How it was taken'], taken)}\n\n{curve}"


def replaced(page: str, text: str) -> str:
    """A page with what stands between its two marks replaced. Raises ValueError when it lacks them."""
    before, after = page.index(_BEGIN) + len(_BEGIN), page.index(_END)
    return f"{page[:before]}\n\n{text}\n\n{page[after:]}"


def between_marks(page: str) -> str:
    """What stands between a page's two marks."""
    return page[page.index(_BEGIN) + len(_BEGIN) : page.index(_END)].strip()


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
