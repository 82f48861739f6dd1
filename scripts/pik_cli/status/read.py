"""What `pik status` reads: queues, mappings, tables and the API, side by side; what cannot be read says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pik.domain.operate.processor_switch import takes_messages
from pik_cli.shell.discarded import BUCKET_OUTPUT, DiscardedState, read_discarded
from pik_cli.shell.failure_mode import OUTPUT, FaultState, read_state
from pik_cli.shell.limits import CLI_STATUS_THREADS
from pik_cli.shell.processor_switch import GROUP_OUTPUT, MAPPING_OUTPUT, PendingSwitch, read_pending
from pik_cli.shell.queues import QUEUES, QueueCounts, attempt, no_output, read_queue
from pik_cli.shell.stack import Stack, StackAws

if TYPE_CHECKING:
    from pik_cli.shell.api import HttpApi

MAPPINGS: Final = {"publisher": "PublisherStreamMappingId", "processor": MAPPING_OUTPUT}
TABLES: Final = {
    name: f"{name}Name"
    for name in ("EventsTable", "DedupeTable", "AggregatesTable", "AppliedTable", "FailuresTable", "RunsTable")
}


@dataclass(frozen=True, slots=True)
class SourceMapping:
    """An event source mapping."""

    name: str
    uuid: str = ""
    state: str = ""
    last_result: str = ""
    batch_size: int | None = None
    reason: str = ""
    problem: str = ""

    @property
    def enabled(self) -> bool:
        """Whether it takes events, or is about to."""
        return takes_messages(self.state)


@dataclass(frozen=True, slots=True)
class TableState:
    """A table. `items` is DynamoDB's own count, up to six hours old, unless `exact`."""

    name: str
    status: str = ""
    items: int | None = None
    exact: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ApiState:
    """The API: its address, version, switches and warnings, or what is wrong with it."""

    url: str
    status: str = ""
    version: str = ""
    switches: Mapping[str, Any] | None = None
    problem: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The pipeline at one moment. `endpoint_url` is None on AWS itself, `failure_mode` where nothing fails on order,
    `pending` where nothing is scheduled to switch the processor."""

    stack: Stack
    region: str | None
    api: ApiState
    queues: tuple[QueueCounts, ...]
    mappings: tuple[SourceMapping, ...]
    tables: tuple[TableState, ...]
    endpoint_url: str | None = None
    failure_mode: FaultState | None = None
    pending: PendingSwitch | None = None
    discarded: DiscardedState = field(default_factory=DiscardedState)


def read_all(stack: Stack, aws: StackAws, api: HttpApi) -> Snapshot:
    """One snapshot.

    A resource that may not be read, or is gone, is part of the answer. Raises ClientError when the credentials as such
    are refused, and botocore's connection errors when AWS does not answer.
    """
    outputs = {"ssm": OUTPUT, "scheduler": GROUP_OUTPUT, "s3": BUCKET_OUTPUT}
    needed = [client for client, output in outputs.items() if output in stack.outputs]
    for client in ("sqs", "functions", "dynamodb", *needed):  # a session builds one at a time
        getattr(aws, client)
    with ThreadPoolExecutor(CLI_STATUS_THREADS) as pool:
        api_state = pool.submit(read_api, api, aws)
        queues = [pool.submit(read_queue, aws, stack, name) for name in QUEUES]
        mappings = [pool.submit(read_mapping, aws, stack, name) for name in MAPPINGS]
        tables = [pool.submit(read_table, aws, stack, name) for name in TABLES]
        failure_mode = pool.submit(read_state, aws, stack)
        pending = pool.submit(read_pending, aws, stack)
        discarded = pool.submit(read_discarded, aws, stack)
        return Snapshot(
            stack,
            aws.region,
            api_state.result(),
            tuple(it.result() for it in queues),
            tuple(it.result() for it in mappings),
            tuple(it.result() for it in tables),
            failure_mode=failure_mode.result(),
            pending=pending.result(),
            discarded=discarded.result(),
        )


def read_mapping(aws: StackAws, stack: Stack, name: str) -> SourceMapping:
    """One event source mapping."""
    uuid = stack.outputs.get(MAPPINGS[name])
    if uuid is None:
        return SourceMapping(name, problem=no_output(MAPPINGS[name]))
    found, problem = attempt(lambda: aws.functions.get_event_source_mapping(UUID=uuid))
    if found is None:
        return SourceMapping(name, uuid, problem=problem)
    return SourceMapping(
        name,
        uuid,
        state=found.get("State", ""),
        last_result=found.get("LastProcessingResult", ""),
        batch_size=found.get("BatchSize"),
        reason=found.get("StateTransitionReason", ""),
    )


def read_table(aws: StackAws, stack: Stack, name: str) -> TableState:
    """A table's state, and the count that comes with it for free."""
    table = stack.outputs.get(TABLES[name])
    if table is None:
        return TableState(name, problem=no_output(TABLES[name]))
    found, problem = attempt(lambda: aws.dynamodb.describe_table(TableName=table)["Table"])
    if found is None:
        return TableState(name, problem=problem)
    return TableState(name, found.get("TableStatus", ""), found.get("ItemCount"))


def count_table(aws: StackAws, stack: Stack, name: str, progress: Callable[[int], None]) -> TableState:
    """A table's items counted one by one, page by page; reads, and pays for, all of it. `progress` gets the sum."""
    table = read_table(aws, stack, name)
    if table.problem:
        return table
    items = 0

    def count() -> int:
        nonlocal items
        pages = aws.dynamodb.get_paginator("scan").paginate(TableName=stack.output(TABLES[name]), Select="COUNT")
        for page in pages:
            items += page["Count"]
            progress(items)
        return items

    total, problem = attempt(count)
    return TableState(name, table.status, total, exact=total is not None, problem=problem)


def read_api(api: HttpApi, aws: StackAws) -> ApiState:
    """The API's own report."""
    import httpx

    from pik_cli.shell.api import read_health

    try:
        health = read_health(api, aws)
    except httpx.TransportError as error:
        return ApiState(api.base_url, problem=f"the API does not answer: {error or type(error).__name__}")
    return ApiState(
        api.base_url,
        str(health.body.get("status", "")),
        str(health.body.get("version", "")),
        health.switches or None,
        health.problem,
        health.warnings,
    )
