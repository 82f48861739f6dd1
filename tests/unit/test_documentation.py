"""What the documents say is held against the real thing: commands, parameters, error codes, limits, links."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from benchmarks import report
from benchmarks.__main__ import BENCHMARKS
from benchmarks.curve import SIZES
from benchmarks.plot import svg
from pik.domain.http.catalogs import CATALOGS
from pik.domain.shared import limits
from pik_cli.main import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(text) if kind == language]


def table(text: str, first: str) -> list[list[str]]:
    lines = text[text.index(f"| {first} |") :].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.fixture(scope="module")
def template() -> Any:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
    return yaml.load((ROOT / "template.yaml").read_text("utf-8"), Loader)  # noqa: S506 (a SafeLoader's child)


def test_the_parameters_are_those_of_the_template_with_their_defaults(template: Any) -> None:
    told = {name.strip("`"): default.strip("`") for name, default, _ in table(README, "Parameter")}
    real = {name: str(it["Default"]) or "empty" for name, it in template["Parameters"].items()}
    assert told == real


def test_the_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for path in DOCUMENTS:
        used = re.findall(r"^make ([a-z]+)|`make ([a-z]+)", path.read_text("utf-8"), re.MULTILINE)
        assert {one or other for one, other in used} <= targets, path.name


PIK = [
    line
    for path in DOCUMENTS
    for block in [*blocks(path.read_text("utf-8"), "bash"), *re.findall(r"`(pik [^`]+)`", path.read_text("utf-8"))]
    for line in block.splitlines()
    if re.match(r"(\.venv/bin/)?pik ", line)
]


@pytest.mark.parametrize("line", PIK)
def test_the_pik_commands_parse(line: str) -> None:
    words = shlex.split(line.replace("<id>", "x"), comments=True)[1:]
    words = [word for word in words if word != "COMMAND"]
    told = CliRunner().invoke(app, [*words, "--help"])  # options are parsed before help is given
    assert told.exit_code == 0, told.output


def test_there_are_pik_commands_to_check() -> None:
    assert len(PIK) > 5


def test_the_error_codes_are_those_of_the_catalog_with_their_messages() -> None:
    rows = table((ROOT / "docs" / "errors.md").read_text("utf-8"), "Code")
    assert {code.strip("`"): message for code, _, message in rows} == dict(CATALOGS["en"])


def test_every_error_code_is_used() -> None:
    sources = [path for path in (ROOT / "src").rglob("*.py") if path.name != "message_catalogs.py"]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    assert [code for code in CATALOGS["en"] if f'"{code}"' not in text] == []


def test_the_limits_are_those_of_the_code() -> None:
    told = {what: limit for what, limit in table(README, "What")}  # noqa: C416 (a pair a row)
    assert told["a request"] == f"{limits.MAX_BODY_BYTES // 2**20} MiB, {limits.MAX_EVENTS_PER_REQUEST} events"
    assert told["an event"].startswith(f"{limits.MAX_EVENT_BYTES // 2**20} MiB, {limits.MAX_NESTING} levels")
    assert told["source, event_type, entity_id, idempotency_key"] == f"{limits.MAX_NAME_CHARS} characters"
    assert f"{limits.MAX_ORDER_AMOUNT:,}" in told["an order's amount"]


def test_the_sample_is_as_large_as_the_readme_says() -> None:
    lines = [line for line in (ROOT / "events" / "sample.ndjson").read_text("utf-8").splitlines() if line.strip()]
    assert f"sends the {len(lines)}" in README.replace("\n", " ")


def test_the_json_examples_are_json() -> None:
    for path in DOCUMENTS:
        for block in blocks(path.read_text("utf-8"), "json"):
            json.loads(block)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_that_are_named_exist(path: Path) -> None:
    named = re.findall(r"`((?:src|scripts|tests|docs|events)/[\w./-]+)`", path.read_text("utf-8"))
    for name in named:
        assert (ROOT / name).exists(), name


def test_the_figures_are_those_that_were_measured() -> None:
    saved = json.loads(report.SAVED.read_text("utf-8"))
    assert report.between_marks(README) == report.readme_table(saved)
    assert report.between_marks(report.PAGE.read_text("utf-8")) == report.page_tables(saved)
    assert report.PLOT.read_text("utf-8") == svg(saved["curve"])


def test_the_figures_are_of_every_benchmark_and_of_all_that_they_can_say() -> None:
    saved = json.loads(report.SAVED.read_text("utf-8"))
    assert len(saved["figures"]) == len(BENCHMARKS)
    assert [point["batch"] for point in saved["curve"]] == list(SIZES)
