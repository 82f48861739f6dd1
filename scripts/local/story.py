"""What happened to the sample, for a person who has just typed `make run`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from boto3.dynamodb.types import TypeDeserializer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pik.domain.process.metrics import sums_text
from pik_cli.shell.output import safe
from scripts.local.aws import EngineAws
from scripts.local.counts import Counts
from scripts.local.sample import HOT_DAY, HOT_ENTITY
from scripts.local.sender import SampleRefusal, SampleSent

_SHOWN_LINE_CHARS: Final = 110
_SHOWN_VERSIONS: Final = 2  # at either end
# Hiragana and katakana: a message with one of them is in Japanese.
_KANA: Final = range(0x3040, 0x3100)
_HEAD: Final = 'curl -X POST $API_URL/events -H "Content-Type: application/json" -d '
_HUGE_ORDER: Final = """'{"orderId":"huge-001","amount":5000000}'"""
_NEXT_DAY: Final = (date.fromisoformat(HOT_DAY) + timedelta(days=1)).isoformat()


@dataclass(frozen=True, slots=True)
class CountedVersion:
    """One version of an entity's day as stored."""

    number: int
    input_count: int
    metrics: Mapping[str, Any]


def versions_of(aws: EngineAws, table: str, entity: str, day: str) -> list[CountedVersion]:
    """The LIVE versions of an entity's day, oldest first. Raises botocore's exceptions."""
    pages = aws.dynamodb.get_paginator("query").paginate(
        TableName=table,
        ConsistentRead=True,
        KeyConditionExpression="PK = :pk AND begins_with(SK, :versions)",
        ExpressionAttributeValues={":pk": {"S": f"ENTITY#{entity}"}, ":versions": {"S": f"DAY#{day}#RUN#LIVE#VER#"}},
    )
    read = TypeDeserializer().deserialize
    rows = [{name: read(value) for name, value in item.items()} for page in pages for item in page["Items"]]
    return [CountedVersion(int(row["version"]), int(row["input_count"]), row["metrics"]) for row in rows]


def tell(
    console: Console, sent: SampleSent, counts: Counts, hot: Sequence[CountedVersion], differences: Sequence[str]
) -> None:
    """Print the story: the balance, a busy entity, a rejected line, and what does not add up."""
    console.print()
    console.rule("What happened", align="left")
    console.print(_balance(sent, counts))
    _busy_day(console, counts, hot)
    _rejection(console, sent.refusals)
    console.print()
    if differences:
        console.print(Text("The numbers do not add up:", style="bold red"))
        for difference in differences:
            console.print(Text(f"  {difference}", style="red"))
    else:
        console.print(Text("Everything adds up: nothing was lost, and nothing counted twice.", style="bold green"))


def _balance(sent: SampleSent, counts: Counts) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(justify="right")
    table.add_column()
    fates = (
        f"= {counts.accepted} accepted + {counts.duplicate} duplicate + {counts.conflict} conflict "
        f"+ {counts.rejected} rejected"
    )
    table.add_row(f"{sent.events} sent", f"in {sent.requests} requests, as NDJSON")
    table.add_row(f"{counts.received} received", fates)
    table.add_row(f"{counts.accepted} accepted", f"= {counts.applied} applied + {counts.dead} dead")
    table.add_row(
        f"{counts.applied} applied", f"in {counts.days} aggregates (entity and day), {counts.versions} versions"
    )
    return table


def _busy_day(console: Console, counts: Counts, hot: Sequence[CountedVersion]) -> None:
    if not hot:
        return
    latest = hot[-1]
    console.print()
    console.print(Text(f"A busy day: {HOT_ENTITY} on {HOT_DAY}", style="bold"))
    first, left_out, last = hot[:_SHOWN_VERSIONS], len(hot) - 2 * _SHOWN_VERSIONS, hot[_SHOWN_VERSIONS:]
    for version in first:
        console.print(_version_line(version))
    if left_out > 0:
        console.print(f"  ... {left_out} more ...", style="dim")
    for version in last[-_SHOWN_VERSIONS:]:
        console.print(_version_line(version))
    console.print(
        f"  first {latest.metrics['first_event_time']}, last {latest.metrics['last_event_time']}", style="dim"
    )
    console.print("  Each version was added next to the one before, and none was ever changed.", style="dim")


def _version_line(version: CountedVersion) -> str:
    total = sums_text(version.metrics["daily_amount_sum"])
    return f"  version {version.number:>2}: {version.input_count:>3} orders, {total} in sum"


def _rejection(console: Console, refusals: Sequence[SampleRefusal]) -> None:
    shown = next((it for it in refusals if any(_japanese(message) for _, message in it.errors)), None)
    if shown is None:
        return
    console.print()
    console.print(
        Text(f"One of the {len(refusals)} rejected: line {shown.number}, answered in its sender's language", "bold")
    )
    console.print(Text(f"  {safe(_shortened(shown.line))}", style="dim"), soft_wrap=True)
    for path, message in shown.errors:
        console.print(Text(f"  {safe(path)}: {safe(message)}"), soft_wrap=True)


def _japanese(text: str) -> bool:
    return any(ord(char) in _KANA for char in text)


def _shortened(line: str) -> str:
    return line if len(line) <= _SHOWN_LINE_CHARS else line[:_SHOWN_LINE_CHARS] + "..."


def next_steps(console: Console, endpoint: str, api_url: str, log_file: str) -> None:
    """Print where things are and what to try now; commands on lines of their own, to be copied whole."""
    console.print()
    console.rule("Your turn", align="left")
    for line in (
        f"API        {api_url}",
        f"endpoint   {endpoint}  (any AWS SDK: region us-east-1, access key test, secret test)",
        f"log        {log_file}",
        "",
        "Send an order; the second time it is a DUPLICATE. The third line is rejected and says why:",
        f"  export API_URL={api_url}",
        *(f"  {line}" for line in curl_lines()),
        "",
        "Ask the pipeline:",
        "  .venv/bin/pik status                      queues, mappings, counts",
        "  .venv/bin/pik health                      is it well, which switches are on",
        "  .venv/bin/pik send events/sample.ndjson   everything again: nothing is counted twice",
        "  .venv/bin/pik logs                        what the functions say",
        "",
        "Send an order that no retry can help, and ask why it failed:",
        f"  {_HEAD}{_HUGE_ORDER}",
        "  .venv/bin/pik dlq analyze                 the cause, what to do about it, and the next command",
        "",
        "Rehearse a replay of the busy day:",
        f"  .venv/bin/pik replay --entity {HOT_ENTITY} --from {HOT_DAY} --to {_NEXT_DAY} --dry-run",
    ):
        # Whatever the width of the terminal: a wrapped command cannot be copied.
        console.print(Text(line), soft_wrap=True)


def curl_lines() -> tuple[str, ...]:
    """Three requests to try, with $API_URL as base."""
    order = """'{"orderId":"test-001","amount":99.99}'"""
    return (_HEAD + order, _HEAD + order, _HEAD + """'{"invalidField":"value"}'""")
