"""The benchmarks count and price as AWS does, and each of them runs; what they measure is no test's business."""

from __future__ import annotations

import json
import subprocess
import sys
from math import isclose
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import cost, prices, report
from benchmarks.cold_start import cold_start
from benchmarks.command import command_start
from benchmarks.cpu import ingest_cpu
from benchmarks.curve import curve
from benchmarks.days import next_event
from benchmarks.figures import Figure
from benchmarks.meter import Meter
from benchmarks.plot import svg
from benchmarks.prices import MILLION, Usage
from benchmarks.replay import replay
from benchmarks.stages import ingest_batch, ingest_single, process_hot, publish
from benchmarks.wire import ENVIRONMENT
from benchmarks.world import BenchmarkWorld, event, mapping_batch_size, memory_mb
from scripts.docs.pages import replaced
from tests.support.pages import between_marks


@pytest.fixture(autouse=True)
def _same_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmarks' clients get their credentials from the environment, which other tests have their own way with."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def item(size: int, **attributes: str) -> dict[str, Any]:
    """An item of exactly `size` bytes: names count, and text counts in UTF-8."""
    members = {"PK": {"S": "k"}, **{name: {"S": value} for name, value in attributes.items()}}
    used = sum(len(name) + len(value["S"].encode()) for name, value in members.items()) + len("fill")
    return {**members, "fill": {"S": "x" * (size - used)}}


@pytest.fixture
def meter() -> Meter:
    """A meter that knows a table with one index and one without."""
    meter = Meter({})
    index = {"KeySchema": [{"AttributeName": "day"}, {"AttributeName": "PK"}]}
    meter.count("dynamodb", "create_table", {"TableName": "indexed", "GlobalSecondaryIndexes": [index]}, {})
    meter.count("dynamodb", "create_table", {"TableName": "plain"}, {})
    meter.usage = Usage()
    return meter


@pytest.mark.parametrize(("size", "units"), [(1, 1), (1024, 1), (1025, 2), (4096, 4)])
def test_each_started_kilobyte_of_a_write_is_a_unit(meter: Meter, size: int, units: int) -> None:
    assert prices.write_units(size) == units
    meter.count("dynamodb", "put_item", {"TableName": "plain", "Item": item(max(size, 10))}, {})
    assert meter.usage.write_units == units


@pytest.mark.parametrize(("size", "units"), [(0, 1), (4096, 1), (4097, 2)])
def test_each_started_four_kilobytes_of_a_read_are_a_unit_and_half_a_one_when_not_consistent(
    size: int, units: int
) -> None:
    assert prices.read_units(size, consistent=True) == units
    assert prices.read_units(size, consistent=False) == units / 2


def test_a_write_is_paid_again_in_each_index_that_the_item_lands_in(meter: Meter) -> None:
    meter.count("dynamodb", "put_item", {"TableName": "indexed", "Item": item(1500, day="1")}, {})
    assert meter.usage.write_units == 4
    meter.count("dynamodb", "put_item", {"TableName": "indexed", "Item": item(1500)}, {})
    assert meter.usage.write_units == 6


def test_a_transaction_pays_twice_in_the_table_and_once_in_the_index(meter: Meter) -> None:
    puts = [
        {"Put": {"TableName": "indexed", "Item": item(500, day="1")}},
        {"Put": {"TableName": "plain", "Item": item(1500)}},
        {"ConditionCheck": {"TableName": "plain", "Key": {"PK": {"S": "k"}}}},
    ]
    meter.count("dynamodb", "transact_write_items", {"TransactItems": puts}, {})
    assert meter.usage.write_units == (2 + 1) + 2 * 2 + 2


def test_what_a_batch_left_unprocessed_is_not_paid(meter: Meter) -> None:
    puts = [{"PutRequest": {"Item": item(size)}} for size in (500, 1500)]
    answer = {"UnprocessedItems": {"plain": [puts[1]]}}
    meter.count("dynamodb", "batch_write_item", {"RequestItems": {"plain": puts}}, answer)
    assert meter.usage.write_units == 1


def test_a_batch_read_rounds_each_item_up_and_pays_for_what_is_not_there(meter: Meter) -> None:
    asked = {"plain": {"Keys": [{}, {}, {}], "ConsistentRead": True}}
    answer = {"Responses": {"plain": [item(100), item(5000)]}}
    meter.count("dynamodb", "batch_get_item", {"RequestItems": asked}, answer)
    assert meter.usage.read_units == 1 + 2 + 1


def test_a_query_pays_for_the_sum_of_what_it_read(meter: Meter) -> None:
    meter.count("dynamodb", "query", {"TableName": "plain"}, {"Items": [item(3000)] * 3})
    assert meter.usage.read_units == 3 / 2


def test_a_projection_pays_for_the_whole_items() -> None:
    meter = Meter({"plain": 1000.0})
    asked = {"TableName": "plain", "ProjectionExpression": "PK"}
    meter.count("dynamodb", "query", asked, {"Items": [], "ScannedCount": 9})
    assert meter.usage.read_units == 3 / 2


def test_requests_and_events_are_paid_by_started_64_kilobytes(meter: Meter) -> None:
    entries = [{"MessageBody": "x" * 40_000} for _ in range(2)]
    meter.count("sqs", "send_message_batch", {"Entries": entries}, {})
    assert meter.usage.sqs_requests == 2
    small = {"Source": "s", "DetailType": "t", "Detail": "x"}
    meter.count("events", "put_events", {"Entries": [small, {**small, "Detail": "x" * 65_536}]}, {})
    assert meter.usage.bus_events == 3


def test_calls_are_counted_even_when_they_are_refused(meter: Meter) -> None:
    meter.count("dynamodb", "put_item", {"TableName": "indexed", "Item": item(10)}, None)
    assert (meter.usage.total_calls, meter.usage.write_units) == (1, 1)


def test_what_is_not_known_is_not_free(meter: Meter) -> None:
    with pytest.raises(NotImplementedError, match="delete_table"):
        meter.count("dynamodb", "delete_table", {}, {})


def test_a_million_of_each_costs_the_list_price() -> None:
    usage = Usage(api_requests=MILLION, write_units=MILLION, s3_puts=MILLION, s3_gets=MILLION, sqs_requests=MILLION)
    assert {part: round(dollars, 6) for part, dollars in usage.dollars().items()} == {
        "api": 1.0,
        "lambda": 0.0,
        "dynamodb": 0.625,
        "s3": 5.4,
        "sqs": 0.4,
        "bus": 0.0,
        "states": 0.0,
    }


def test_a_function_is_paid_by_started_milliseconds_and_by_its_memory() -> None:
    usage = Usage()
    usage.invoked(0.0351, 512)
    assert usage.lambda_gb_seconds == 0.018
    assert isclose(usage.dollars()["lambda"], 0.2e-6 + 0.018 * 0.0000133334)


def test_one_event_a_request_makes_three_calls_and_pays_for_a_put_and_three_writes() -> None:
    world = BenchmarkWorld()
    _, work = world.measured(lambda: world.post([event(1)]))
    assert work.usage.calls == {"s3.put_object": 1, "dynamodb.put_item": 2}
    assert (work.usage.s3_puts, work.usage.write_units, work.usage.api_requests) == (1, 3, 1)


def test_an_event_of_the_benchmarks_is_about_a_kilobyte() -> None:
    assert {len(json.dumps(event(number))) for number in (0, 17, 99_999)} == {1_000}


def test_sizes_come_from_the_template() -> None:
    assert memory_mb("IngestFunction") == 512
    assert mapping_batch_size("PublisherStreamMapping") == 100
    assert mapping_batch_size("ProcessorQueueMapping") == 50


@pytest.mark.parametrize(
    "figure",
    [
        pytest.param(lambda: ingest_single(requests=2), id="ingest"),
        pytest.param(lambda: ingest_batch(requests=1, batch=4), id="ingest-batch"),
        pytest.param(lambda: publish(events=100), id="publish"),
        pytest.param(lambda: replay(events=30, rounds=1), id="replay"),
        pytest.param(lambda: process_hot(events=60), id="process"),
        pytest.param(lambda: next_event(sizes=(2, 60)), id="next-event"),
        pytest.param(lambda: cold_start(pairs=1), id="cold-start"),
        pytest.param(lambda: command_start(pairs=1), id="command"),
        pytest.param(lambda: ingest_cpu(calls=2, rounds=1), id="cpu"),
    ],
)
def test_each_benchmark_runs(figure: Any) -> None:
    taken = figure()
    assert isinstance(taken.met, bool)
    assert taken.figure
    assert all(value >= 0 for value in taken.values.values())


def test_a_hot_entity_is_counted_exactly() -> None:
    assert process_hot(events=60).values["exact"] == 1.0


def test_the_curve_becomes_a_picture_and_a_table() -> None:
    points = curve(sizes=(1, 2), events=4)
    picture = ElementTree.fromstring(svg(points))  # noqa: S314 (our own text)
    assert len(picture.findall(".//{http://www.w3.org/2000/svg}circle")) == 4
    saved = report.document([Figure("work", "1 call", "≤ 1", True, "counted")], points)
    assert "| work | 1 call | ≤ 1 | yes |" in report.figures_table(saved["figures"])
    assert f"| 2 | ${points[1]['dollars_per_million']:.2f} |" in report.page_tables(saved)


def test_the_part_between_the_marks_of_a_page_is_replaced_and_nothing_else() -> None:
    page = "before\n<!-- cost -->\nkept\n<!-- /cost -->\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n"
    renewed = replaced(page, "figures", "new")
    assert (between_marks(renewed, "figures"), between_marks(renewed, "cost")) == ("new", "kept")
    assert (renewed.startswith("before\n"), renewed.endswith("after\n")) == (True, True)


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="substring not found"):
        replaced("no marks\n", "figures", "new")


def test_a_month_costs_its_events_times_what_each_costs() -> None:
    figures = [
        {"work": cost.PUBLISH, "values": {"dollars_per_million": 0.5}},
        {"work": cost.NEXT_EVENT, "values": {"dollars_per_million_at_10": 3.0}},
    ]
    saved = {"figures": figures, "curve": [{"batch": 1, "dollars_per_million": 8.0}]}
    month = cost.monthly(saved, cost.Rate(10, 1))
    assert month.events == 25_920_000
    assert (month.ingest, month.publish, month.process) == pytest.approx((207.36, 12.96, 77.76))
    assert cost.rows(saved, [cost.Rate(1, 1)]) == [
        ["1", "1", "2.6 million", "$20.74", "$1.30", "$7.78", "$29.81"],
    ]


def test_an_event_that_is_processed_alone_is_priced_with_its_read_its_announcement_and_its_version() -> None:
    """The figure that the cost of a month rests on is not below the list prices of the calls that it must make."""
    saved = json.loads(report.SAVED.read_text("utf-8"))
    values = next(it["values"] for it in saved["figures"] if it["work"] == cost.NEXT_EVENT)
    least = (prices.S3_GET + prices.BUS_EVENT + prices.WRITE_UNIT + prices.READ_UNIT) * MILLION
    assert least <= values["dollars_per_million_at_10"] <= 2 * least


def test_the_make_target_starts() -> None:
    root = Path(__file__).parents[2]
    recipe = next(line for line in (root / "Makefile").read_text("utf-8").splitlines() if "-m benchmarks" in line)
    command = recipe.strip().lstrip("@").replace("$(BIN)/python", sys.executable).replace("$(ARGS)", "--help")
    done = subprocess.run(["sh", "-c", command], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
