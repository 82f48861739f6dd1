"""The pages of docs/gamedays are held against the scenarios: names, objectives and expectations, word for word."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pik.domain.operate.failure_modes import parse_fault_mode
from pik_cli.main import app
from scripts.docs import gamedays
from scripts.gameday import schema_evolution
from scripts.gameday.play import Expectation
from scripts.gameday.scenarios import SCENARIOS

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "gamedays"
SECTIONS = ["What happens", "Steps", "Expectations", "What to learn"]


def page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text("utf-8")


def section(text: str, heading: str) -> str:
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0].strip()


def numbered(text: str) -> list[str]:
    """The items of a numbered list, each on one line."""
    return [" ".join(item.split()) for item in re.split(r"^\d+\. ", text, flags=re.MULTILINE)[1:]]


def test_every_scenario_has_a_page_and_every_page_a_scenario() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == {*SCENARIOS, "README"}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_page_has_all_its_sections_in_order(name: str) -> None:
    assert re.findall(r"^## (.*)$", page(name), re.MULTILINE) == SECTIONS
    assert page(name).startswith(f"# Gameday: {name.replace('-', ' ')}\n")


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_expectations_of_a_page_are_those_that_are_checked(name: str) -> None:
    assert numbered(section(page(name), "Expectations")) == [it.text for it in SCENARIOS[name].expectations]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_objective_of_a_page_is_that_of_the_score_sheet(name: str) -> None:
    lead = " ".join(page(name).split("\n## ", 1)[0].split("```")[0].split())
    assert lead.endswith(f"**Objective.** {SCENARIOS[name].objective}")


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_page_and_the_index_say_how_to_play_it(name: str) -> None:
    assert f"\nmake gameday SCENARIO={name}\n" in page(name)
    assert f"| [{name}]({name}.md) | {SCENARIOS[name].objective} |" in page("README")


def test_the_scenarios_and_failure_modes_that_are_named_exist() -> None:
    everything = "\n".join(path.read_text("utf-8") for path in PAGES.glob("*.md"))
    assert set(re.findall(r"SCENARIO=([a-z-]+)", everything)) == set(SCENARIOS)
    modes = re.findall(r"pik fault set (\w+)", everything)
    assert {str(parse_fault_mode(mode)) for mode in modes} == set(modes)


def test_the_transform_of_the_page_is_the_one_that_is_played() -> None:
    assert f'--jmespath "{schema_evolution.TRANSFORM}"' in page("schema-evolution")


EXPECTATIONS = [it for scenario in SCENARIOS.values() for it in scenario.expectations]


@pytest.mark.parametrize("expectation", EXPECTATIONS, ids=lambda it: it.text[:40])
def test_what_to_look_at_is_a_command(expectation: Expectation) -> None:
    told = CliRunner().invoke(app, [*expectation.look, "--help"])  # options are parsed before help is given
    assert told.exit_code == 0, told.output


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_two_expectations_of_a_scenario_say_the_same(name: str) -> None:
    texts = [it.text for it in SCENARIOS[name].expectations]
    assert len(set(texts)) == len(texts)
    assert all(text.endswith(".") for text in texts)


def test_the_pages_are_renewed_from_the_scenarios_and_nothing_else_in_them_changes(tmp_path: Path) -> None:
    for path in PAGES.glob("*.md"):
        (tmp_path / path.name).write_text(path.read_text("utf-8"), "utf-8")
    before = {path.name: path.read_text("utf-8") for path in tmp_path.glob("*.md")}
    gamedays.write(tmp_path)
    assert {path.name: path.read_text("utf-8") for path in tmp_path.glob("*.md")} == before

    poison = SCENARIOS["poison"]
    changed = replace(poison, objective="See what happens.", expectations=(Expectation("All is well.", ("status",)),))
    gamedays.write(tmp_path, {**SCENARIOS, "poison": changed})
    text = (tmp_path / "poison.md").read_text("utf-8")
    assert section(text, "Expectations") == "1. All is well."
    assert "**Objective.** See what happens.\n\n```bash" in text
    assert section(text, "Steps") == section(page("poison"), "Steps")
    assert "| [poison](poison.md) | See what happens. |" in (tmp_path / "README.md").read_text("utf-8")


def test_a_page_without_its_parts_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Gamedays\n", "utf-8")
    with pytest.raises(ValueError, match=r"README\.md has 0 parts"):
        gamedays.write(tmp_path)
