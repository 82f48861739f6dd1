"""The score sheet of a gameday: what was expected, what was found, and where to look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from pik_cli.shell.output import Output
from scripts.gameday.play import CheckedExpectation, Scenario

Command = Callable[..., str]
"""Words after `pik`, as a line that leads to the same stack."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One gameday. `stopped` is why it ended early, empty when it did not; `results` has every expectation."""

    scenario: Scenario
    stack: str
    tag: str
    seconds: float
    results: Sequence[CheckedExpectation]
    stopped: str = ""

    @property
    def met(self) -> int:
        """Expectations that were met."""
        return sum(it.met for it in self.results)

    @property
    def won(self) -> bool:
        """Whether all were."""
        return self.met == len(self.results) and not self.stopped

    @property
    def score(self) -> str:
        """As text."""
        return f"{self.met} of {len(self.results)} expectations met"


def show(sheet: Sheet, output: Output, command: Command) -> None:
    """Print it, as a table or as JSON."""
    if output.json_wanted:
        output.document(as_json(sheet, command))
        return
    output.line(f"Gameday {sheet.scenario.name} on stack {sheet.stack}, {sheet.seconds:.0f} s")
    output.line(sheet.scenario.objective)
    rows = [(_mark(it), it.expectation.text, it.expected, it.found) for it in sheet.results]
    output.table(("", "expectation", "expected", "found"), rows)
    output.line()
    if sheet.stopped:
        output.line(f"It ended early: {sheet.stopped}")
    for result in sheet.results:
        if not result.met:
            output.line(f"Not met: {result.expectation.text}")
            output.line(f"  Look: {command(*result.expectation.look)}")
    output.line(Text(f"{sheet.score}.", style="bold green" if sheet.won else "bold red"))


def as_json(sheet: Sheet, command: Command) -> Mapping[str, Any]:
    """Stable form."""
    return {
        "scenario": sheet.scenario.name,
        "objective": sheet.scenario.objective,
        "stack": sheet.stack,
        "sources": f"{sheet.tag}-*",
        "seconds": round(sheet.seconds, 1),
        "stopped": sheet.stopped or None,
        "met": sheet.met,
        "expectations": [
            {
                "text": it.expectation.text,
                "met": it.met,
                "expected": it.expected,
                "found": it.found,
                "look": None if it.met else command(*it.expectation.look),
            }
            for it in sheet.results
        ],
    }


def _mark(result: CheckedExpectation) -> Text:
    return Text("met", style="green") if result.met else Text("NOT MET", style="bold red")
