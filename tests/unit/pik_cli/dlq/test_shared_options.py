"""The options that several `pik dlq` commands share: each written once, and each command has those that it should."""

from __future__ import annotations

import re
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from pik_cli.dlq.options import FILTERS, REDRIVING, Consent, LetterFilters, consent_options, letter_filters
from tests.support.command_line import Pik

ALL_FILTERS = {"--fingerprint", "--category", "--error-type", "--entity", "--source", "--min-age", "--max-age"}
ALL_CONSENT = {"--dry-run", "--yes", "--no-wait"}
OPTIONS: dict[str, set[str]] = {
    "status": set(),
    "peek": {"--count"} | ALL_FILTERS,
    "analyze": ALL_FILTERS,
    "redrive": ALL_FILTERS
    | ALL_CONSENT
    | {"--manifest", "--max-messages", "--all", "--force", "--jitter", "--no-backoff", "--budget", "--canary"}
    | {"--no-canary", "--max-failure-rate", "--set", "--jmespath"},
    "redrive-all": ALL_CONSENT | {"--native", "--rate", "--force", "--jitter", "--no-canary"},
    "redrive-batch": ALL_CONSENT | {"--count", "--force", "--jitter", "--no-canary"},
    "show": {"--follow"},
    "cancel": ALL_CONSENT,
    "monitor": {"--interval", "--count"},
    "purge-to-s3": ALL_CONSENT | {"--expiring-within", "--all", "--fingerprint", "--category", "--source"},
    "put-back": ALL_CONSENT | {"--again"},
    "start-executions": ALL_FILTERS | {"--state-machine", "--count", "--keep", "--dry-run", "--yes"},
    "move-tasks cancel": {"--dry-run", "--yes"},
}


@pytest.mark.parametrize("command", OPTIONS)
def test_each_command_has_its_options(pik: Pik, command: str) -> None:
    result = pik("dlq", *command.split(), "--help")
    assert result.exit_code == 0, result.output
    named = re.findall(r"^  (?:-\w, )?(--[a-z0-9-]+)", result.stdout, re.MULTILINE)
    assert len(named) == len(set(named))
    assert set(named) - {"--help"} == OPTIONS[command]


def test_an_option_has_one_text_wherever_it_is() -> None:
    """A decorator that is used twice gives the same options, and a command gets one value made of them."""
    seen: list[tuple[str, LetterFilters, Consent]] = []
    app = typer.Typer()

    @app.command()
    @letter_filters("source", "min_age")
    @consent_options("dry_run", "yes")
    def act(
        context: typer.Context,
        *,
        name: Annotated[str, typer.Argument()],
        filters: LetterFilters,
        consent: Consent,
    ) -> None:
        seen.append((name, filters, consent))

    words: Any = ["ada", "--source", "shop", "--min-age", "1h30m", "-y"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert seen == [("ada", LetterFilters(source="shop", min_age_seconds=5400), Consent(False, True, wait=True))]
    assert CliRunner().invoke(app, ["ada", "--entity", "x"]).exit_code == 2


def test_every_shared_option_is_of_some_command() -> None:
    assert len(FILTERS) == len(ALL_FILTERS)
    assert len(REDRIVING) == 9
