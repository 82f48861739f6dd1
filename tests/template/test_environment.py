"""The environment that the template sets is the one that the code reads, name for name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from pik.settings import (
    IngestSettings,
    ProcessorSettings,
    PublisherSettings,
    RedriveSettings,
    RedriveStepSettings,
    ReplaySettings,
    SettingsError,
    WebhookSettings,
)
from tests.template.stack import deployed, properties, resources, source

SETTINGS: Mapping[str, Any] = {
    "IngestFunction": IngestSettings,
    "WebhookFunction": WebhookSettings,
    "PublisherFunction": PublisherSettings,
    "ProcessorFunction": ProcessorSettings,
    "ReplayFunction": ReplaySettings,
    "RedriveFunction": RedriveSettings,
    "RedriveStepFunction": RedriveStepSettings,
}
FOR_LIBRARIES = {
    "LOG_LEVEL": "what Powertools read before POWERTOOLS_LOG_LEVEL, and other libraries still do",
    "POWERTOOLS_LOG_LEVEL": "Logger",
    "POWERTOOLS_METRICS_NAMESPACE": "Metrics",
    "POWERTOOLS_SERVICE_NAME": "Logger and Metrics",
}
FOR_EVERY_FUNCTION = {"ENV_NAME": "told alike by all functions' configuration, read by ingest", "DRY_RUN": "the switch"}


class Recorder(Mapping[str, str]):
    """An environment that remembers what was asked of it."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def environment(function: str, **parameters: str) -> dict[str, str]:
    """The variables of a function, a reference to a resource standing as its logical id."""
    template = deployed(**{"WebhookSources": "stripe", **parameters})
    variables = properties(template, function)["Environment"]["Variables"]
    return {name: str(*value.values()) if isinstance(value, dict) else str(value) for name, value in variables.items()}


@pytest.mark.parametrize("function", SETTINGS)
def test_the_settings_can_be_read_from_what_the_template_sets(function: str) -> None:
    SETTINGS[function].from_env(environment(function))


@pytest.mark.parametrize("function", SETTINGS)
def test_every_variable_is_read_by_somebody(function: str) -> None:
    recorder = Recorder(environment(function))
    SETTINGS[function].from_env(recorder)
    assert set(recorder) - recorder.asked - set(FOR_LIBRARIES) - set(FOR_EVERY_FUNCTION) == set()


@pytest.mark.parametrize("function", SETTINGS)
def test_a_variable_that_the_template_forgets_is_named(function: str) -> None:
    recorder = Recorder(environment(function))
    SETTINGS[function].from_env(recorder)
    for name in recorder.asked:
        without = {key: value for key, value in environment(function).items() if key != name}
        with pytest.raises(SettingsError, match=name):
            SETTINGS[function].from_env(without)


@pytest.mark.parametrize("function", SETTINGS)
def test_every_function_has_the_common_variables(function: str) -> None:
    variables = environment(function, LogLevel="WARNING", EnvName="staging")
    assert variables["POWERTOOLS_SERVICE_NAME"] == function.removesuffix("Function").lower()
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "PipelineInvestigationKit"
    assert (variables["LOG_LEVEL"], variables["POWERTOOLS_LOG_LEVEL"]) == ("WARNING", "WARNING")
    assert (variables["ENV_NAME"], variables["DRY_RUN"]) == ("staging", "false")


def test_ingest_writes_to_the_stores_and_knows_the_switches() -> None:
    settings = IngestSettings.from_env(environment("IngestFunction", AllowUnknownTypes="false", IngestAuth="NONE"))
    assert (settings.raw_bucket, settings.events_table, settings.dedupe_table) == (
        "RawBucket",
        "EventsTable",
        "DedupeTable",
    )
    assert settings.switches() == {
        "dry_run": False,
        "enable_processor": True,
        "default_event_type": "order",
        "allow_unknown_types": False,
        "ingest_auth": "NONE",
        "fault_injection": False,
    }
    assert settings.dedupe_ttl_days == 30


def test_the_processor_knows_its_stores_and_its_queues_bound() -> None:
    variables = environment("ProcessorFunction", MaxReceiveCount="9")
    queue = properties(deployed(MaxReceiveCount="9"), "WorkQueue")
    settings = ProcessorSettings.from_env(variables)
    assert settings.max_receive_count == queue["RedrivePolicy"]["maxReceiveCount"] == 9
    assert (settings.aggregates_table, settings.applied_table) == ("AggregatesTable", "AppliedTable")
    assert settings.failures_table == "FailuresTable"
    assert (settings.raw_bucket, settings.event_bus_name) == ("RawBucket", "EventBus")
    assert (settings.work_queue_url, settings.dead_letter_queue_url) == ("WorkQueue", "WorkDeadLetterQueue")
    assert settings.redact_paths == ()


def test_the_processor_redacts_where_the_parameter_says_and_starts_with_no_path_that_would_find_nothing() -> None:
    variables = environment("ProcessorFunction", RedactPaths="/card/number, /name")
    assert ProcessorSettings.from_env(variables).redact_paths == ("/card/number", "/name")
    with pytest.raises(SettingsError, match=r"REDACT_PATHS names 'card.number'; it takes JSON Pointers"):
        ProcessorSettings.from_env({**variables, "REDACT_PATHS": "/name,card.number"})


def test_the_limits_of_orders_are_what_the_parameter_says() -> None:
    default = ProcessorSettings.from_env(environment("ProcessorFunction"))
    assert default.order_amount_limits == {"*": Decimal(1_000_000)}
    variables = environment("ProcessorFunction", OrderAmountLimits="JPY=150000000, USD=0.5")
    limits = ProcessorSettings.from_env(variables).order_amount_limits
    assert limits == {"JPY": Decimal(150_000_000), "USD": Decimal("0.5")}
    assert ProcessorSettings.from_env({**variables, "ORDER_AMOUNT_LIMITS": ""}).order_amount_limits == {}
    for wrong in ("JPY", "jpy=1", "JPY=-1", "JPY=1;USD=2"):
        with pytest.raises(SettingsError, match="ORDER_AMOUNT_LIMITS holds"):
            ProcessorSettings.from_env({**variables, "ORDER_AMOUNT_LIMITS": wrong})


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
@pytest.mark.parametrize("function", SETTINGS)
def test_lambda_lets_through_what_the_logger_writes(function: str, level: str) -> None:
    logging = properties(deployed(LogLevel=level, WebhookSources="stripe"), function)["LoggingConfig"]
    assert logging["ApplicationLogLevel"] == level.replace("WARNING", "WARN")
    assert logging["SystemLogLevel"] == "INFO"


def test_what_all_functions_share_is_written_once() -> None:
    functions = resources(source(), "AWS::Serverless::Function").values()
    written = [dict(_settings(function["Properties"])) for function in functions]
    assert [key for key, value in written[0].items() if all(one.get(key) == value for one in written)] == []


def _settings(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each value of a function's properties, as text, by its path."""
    if not isinstance(node, dict) or (len(node) == 1 and next(iter(node)).startswith(("Fn::", "Ref"))):
        yield path, str(node)
        return
    for key, value in node.items():
        yield from _settings(value, f"{path}/{key}")
