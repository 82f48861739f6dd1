"""What the documents say is held against the real thing: commands, parameters, error codes, limits, links."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import cost, report
from benchmarks.__main__ import BENCHMARKS
from benchmarks.curve import SIZES
from benchmarks.plot import svg
from pik.domain.http.catalogs import CATALOGS
from pik.domain.shared import limits, redrive_limits
from pik_cli.main import app
from scripts.docs import reference
from tests.support.pages import between_marks

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(text) if kind == language]


def table(text: str, first: str) -> list[list[str]]:
    lines = text[text.index(f"| {first} |") :].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_parameters_are_those_of_the_template_with_their_defaults_and_texts() -> None:
    page = reference.PARAMETERS.read_text("utf-8")
    assert between_marks(page, "parameters") == reference.parameters_tables(reference.read_template())


def test_a_parameter_in_no_group_of_the_interface_is_an_error() -> None:
    template = reference.read_template()
    template["Parameters"]["Forgotten"] = {"Default": "", "Description": "Nobody listed it."}
    with pytest.raises(ValueError, match="Forgotten"):
        reference.parameters_tables(template)


def test_every_parameter_is_on_the_page() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", reference.PARAMETERS.read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(reference.read_template()["Parameters"])


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
    page = reference.ERRORS.read_text("utf-8")
    assert between_marks(page, "errors") == reference.errors_table()
    assert {code.strip("`"): message for code, _, message in table(page, "Code")} == dict(CATALOGS["en"])


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("required", "400"),
        ("replay_without_scope", "400"),
        ("replay_sent", "200"),
        ("unknown_redrive", "404"),
        ("idempotency_conflict", "409"),
        ("body_too_large", "413"),
        ("unavailable", "503"),
    ],
)
def test_the_error_codes_have_the_status_that_they_are_answered_with(code: str, status: str) -> None:
    rows = table(reference.ERRORS.read_text("utf-8"), "Code")
    assert [given for name, given, _ in rows if name == f"`{code}`"] == [status]


def test_every_error_code_is_used() -> None:
    sources = [path for path in (ROOT / "src").rglob("*.py") if "catalogs" not in path.parts]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    assert [code for code in CATALOGS["en"] if f'"{code}"' not in text] == []


def test_the_limits_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "reference" / "limits.md").read_text("utf-8")
    shown = {what: limit for what, limit in table(page, "What")}  # noqa: C416 (a pair per row)
    assert shown["a request"] == (
        f"{limits.MAX_BODY_BYTES // 2**20} MiB, {limits.MAX_EVENTS_PER_REQUEST} events, "
        f"{limits.MAX_REQUEST_VALUES:,} values; up to {limits.SURE_BODY_BYTES:,} bytes always reach the function"
    )
    assert shown["an event"].startswith(f"{limits.MAX_EVENT_BYTES // 2**20} MiB, {limits.MAX_NESTING} levels")
    assert f"{limits.MAX_EVENT_VALUES:,} values" in shown["an event"]
    assert shown["a number"].startswith(f"{limits.MAX_NUMBER_DIGITS} digits as written")
    assert f"from 1e-{limits.MAX_NUMBER_EXPONENT} to 1e{limits.MAX_NUMBER_EXPONENT}" in shown["a number"]
    assert shown["source, event_type, idempotency_key"].startswith(f"{limits.MAX_NAME_CHARS} characters")
    assert f"{limits.MAX_KEY_NAME_BYTES:,} bytes each" in shown["source, event_type, idempotency_key"]
    assert shown["entity_id"] == f"{limits.MAX_ENTITY_BYTES:,} bytes in UTF-8"
    assert shown["a replay"] == f"{limits.MAX_REPLAY_LIMIT:,} events; {limits.MAX_REPLAY_DAYS} days of a source"
    assert shown["a redrive"].startswith(f"{redrive_limits.MAX_REDRIVE_MESSAGES:,} messages")
    assert shown["a redrive"].endswith(f"{redrive_limits.MAX_REDRIVE_ALL:,}")


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


def test_the_figures_and_costs_are_those_that_were_measured() -> None:
    saved = json.loads(report.SAVED.read_text("utf-8"))
    for path, name, text in report.parts(saved):
        assert between_marks(path.read_text("utf-8"), name) == text, path.name
    assert report.PLOT.read_text("utf-8") == svg(saved["curve"])


def test_the_readme_shows_every_figure_that_it_is_to_show() -> None:
    shown = [work for work, *_ in table(README, "Work, events of about 1 KB")]
    assert shown == list(report.HEADLINES)


def test_what_an_event_costs_in_all_is_what_the_readme_says() -> None:
    month = cost.monthly(json.loads(report.SAVED.read_text("utf-8")), cost.Rate(1, 1))
    dollars_a_million = month.total / month.events * 1_000_000
    assert f"costs about ${dollars_a_million:.0f} per million in all" in README


def test_the_figures_are_of_every_benchmark_and_of_all_that_they_can_say() -> None:
    saved = json.loads(report.SAVED.read_text("utf-8"))
    assert len(saved["figures"]) == len(BENCHMARKS)
    assert [point["batch"] for point in saved["curve"]] == list(SIZES)
