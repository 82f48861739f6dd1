"""The arithmetic of scale, and that docs/scale.md says the same."""

from __future__ import annotations

import json
import re
from math import isclose
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st
from typer.testing import CliRunner

from benchmarks.world import mapping_batch_size, memory_mb
from scripts import scale
from scripts.scale import LOADS, Load, first_met, limits, settings, stacks, tables

PAGE = (Path(__file__).parents[3] / "docs" / "scale.md").read_text("utf-8")
TEMPLATE = (Path(__file__).parents[3] / "template.yaml").read_text("utf-8")

loads = st.builds(Load, st.floats(1, 1_000_000), st.integers(1, 500), st.integers(1, 1_000), st.floats(0, 1_000))


def run(*arguments: str) -> Any:
    app = typer.Typer()
    app.command()(scale.scale)
    told = CliRunner().invoke(app, list(arguments))
    assert told.exit_code == 0, told.output
    return told.output


def use_of(name: str, load: Load) -> float:
    return next(limit.use for limit in limits(load) if limit.name == name)


def test_the_page_has_the_tables_of_the_script() -> None:
    assert tables() in PAGE


def test_the_page_names_the_loads_that_are_computed() -> None:
    rows = re.findall(r"^\| a \w+ \| ([\d,]+) \| (\d+) \| ([\d,]+) \| (\d+)/s \|$", PAGE, re.MULTILINE)
    told = [tuple(int(cell.replace(",", "")) for cell in row) for row in rows]
    assert told == [(it.rate, it.batch, it.sources, it.hottest) for it in LOADS]


def test_the_numbers_of_the_pipeline_are_those_of_the_template() -> None:
    assert memory_mb("IngestFunction") == scale.INGEST_MB
    assert memory_mb("PublisherFunction") == scale.PUBLISHER_MB
    assert memory_mb("ProcessorFunction") == scale.PROCESSOR_MB
    assert mapping_batch_size("PublisherStreamMapping") == scale.STREAM_BATCH
    assert mapping_batch_size("ProcessorQueueMapping") == scale.WORK_BATCH
    assert f"ParallelizationFactor: {scale.PARALLELIZATION}\n" in TEMPLATE


def test_what_is_set_for_the_loads_fits_the_template() -> None:
    for load in LOADS:
        told = settings(load)
        for name in ("ApiThrottleRate", "ApiThrottleBurst", "IngestReservedConcurrency", "ProcessorMaxConcurrency"):
            found = re.search(rf"^  {name}:\n(?:    .*\n)*?    MaxValue: (\d+)", TEMPLATE, re.MULTILINE)
            assert found is not None
            assert told[name] <= int(found[1]), name
        assert told["ProcessorReservedConcurrency"] >= told["ProcessorMaxConcurrency"]


def test_a_hundred_events_a_second_fit_every_default_quota() -> None:
    assert limits(LOADS[0])[0].use < 0.05
    assert all(
        value in (10_000, 1_000, 40_000, 18_750) for name, value in settings(LOADS[0]).items() if "quota" in name
    )


def test_a_single_event_an_request_meets_the_prefix_first_and_a_batch_the_bus() -> None:
    assert first_met(Load(100, 1)) == ("S3 PUT/s, one prefix", pytest.approx(3_500, rel=0.01))
    assert first_met(Load(10_000, 100, sources=10)) == ("bus deliveries/s", pytest.approx(18_750, rel=0.01))


def test_a_hot_entity_is_bound_by_its_versions_before_its_partition() -> None:
    name, rate = first_met(Load(100, 100, sources=100, hottest=100))
    assert name == "one entity-day, a version at a time"
    assert 200 < rate < 300


def test_a_transaction_takes_twice_the_units_of_the_table() -> None:
    assert use_of("EventsTable write units/s", Load(1_000, 10)) == 2 * use_of(
        "EventsTable write units/s", Load(1_000, 1)
    )


def test_the_stream_keeps_up_with_whatever_the_table_takes() -> None:
    assert all(use_of("stream lanes", Load(rate, batch)) < 0.5 for rate in (10, 4_000, 10**6) for batch in (1, 100))


def test_a_million_events_a_second_need_several_stacks_each_within_its_queue() -> None:
    count = stacks(LOADS[2])
    assert count == 21
    assert use_of("WorkQueue in flight", Load(LOADS[2].rate / count, 500)) <= 0.5


@settings_of(deadline=None)
@given(loads)
def test_limits_come_worst_first_and_the_first_is_met_where_it_is_said(load: Load) -> None:
    uses = [limit.use for limit in limits(load)]
    assert uses == sorted(uses, reverse=True)
    name, rate = first_met(load)
    scaled = Load(rate, load.batch, load.sources, load.hottest * rate / load.rate)
    assert limits(scaled)[0].name == name
    assert isclose(limits(scaled)[0].use, 1, rel_tol=0.01)


@settings_of(deadline=None)
@given(loads)
def test_what_is_set_is_never_less_than_what_is_needed(load: Load) -> None:
    told = settings(load)
    assert told["ApiThrottleRate"] * told["stacks"] >= load.requests
    assert told["IngestReservedConcurrency"] * told["stacks"] >= load.requests * scale.ingest_seconds(load.batch)
    assert told["ProcessorMaxConcurrency"] * told["stacks"] >= load.rate / 50 * scale.processor_seconds()


def test_the_command_tells_people_and_programs_the_same() -> None:
    told = json.loads(run("--rate", "10000", "--batch", "100", "--sources", "10", "-o", "json"))
    assert (told["first"], told["settings"]["ApiThrottleRate"]) == ("bus deliveries/s", 200)
    shown = run("--rate", "10000", "--batch", "100", "--sources", "10")
    assert f"First: bus deliveries/s, met at {told['first_at']:,} events a second" in shown
    assert "ApiThrottleRate" in shown
