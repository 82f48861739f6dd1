"""The parts of docs/gamedays that come from the scenarios: objectives, expectations, and the index."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scripts.docs.pages import markdown_table
from scripts.gameday.play import Scenario
from scripts.gameday.scenarios import SCENARIOS

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "gamedays"

_WIDTH: Final = 120
_OBJECTIVE: Final = re.compile(r"^\*\*Objective\.\*\* .*?\n\n", re.MULTILINE | re.DOTALL)
_EXPECTATIONS: Final = re.compile(r"^## Expectations\n\n.*?\n\n", re.MULTILINE | re.DOTALL)
_INDEX: Final = re.compile(r"^\| Scenario \|.*?\n\n", re.MULTILINE | re.DOTALL)


def write(folder: Path = FOLDER, scenarios: Mapping[str, Scenario] = SCENARIOS) -> list[Path]:
    """Renew the index and the page of each scenario. Raises OSError, and ValueError for a page without these parts."""
    index = folder / "README.md"
    pages = {index: _replaced(index, _INDEX, index_table(scenarios) + "\n\n")}
    for name, scenario in scenarios.items():
        path = folder / f"{name}.md"
        objective = _wrapped(f"**Objective.** {scenario.objective}") + "\n\n"
        path.write_text(_replaced(path, _OBJECTIVE, objective), "utf-8")
        pages[path] = _replaced(path, _EXPECTATIONS, f"## Expectations\n\n{expectations(scenario)}\n\n")
    for path, text in pages.items():
        path.write_text(text, "utf-8")
    return list(pages)


def index_table(scenarios: Mapping[str, Scenario]) -> str:
    """Each scenario with its objective, in the order in which to learn."""
    rows = [[f"[{name}]({name}.md)", scenario.objective] for name, scenario in scenarios.items()]
    return markdown_table(["Scenario", "Objective"], rows)


def expectations(scenario: Scenario) -> str:
    """The expectations as a numbered list."""
    return "\n".join(_wrapped(f"{number}. {it.text}", "   ") for number, it in enumerate(scenario.expectations, 1))


def _wrapped(text: str, indent: str = "") -> str:
    return "\n".join(
        textwrap.wrap(text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    )


def _replaced(path: Path, part: re.Pattern[str], text: str) -> str:
    renewed, count = part.subn(lambda _: text, path.read_text("utf-8"))
    if count != 1:
        raise ValueError(f"{path.name} has {count} parts of the form {part.pattern}, not one")
    return renewed
