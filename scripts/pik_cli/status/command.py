"""`pik status`: the whole pipeline on one page, and what in it needs attention."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pik_cli.shell.errors import Unreachable, explain
from pik_cli.shell.exit_codes import FINDING, FINE
from pik_cli.shell.output import Output, Words, make_table, safe
from pik_cli.shell.processor_switch import as_pending_json
from pik_cli.shell.session import Session, session_of
from pik_cli.shell.wrapping import with_prefix
from pik_cli.status.findings import StatusFinding, findings
from pik_cli.status.health import switch
from pik_cli.status.read import TABLES, Snapshot, SourceMapping, TableState, count_table, read_all

if TYPE_CHECKING:
    from rich.console import RenderableType

_STALE: Final = "about; up to 6 h old"


def status(
    context: typer.Context,
    *,
    count: Annotated[
        bool, typer.Option("--count", help="Count the tables' items exactly; reads, and pays for, every item.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Repeat until Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option(min=0.5, max=3600, help="Seconds between two checks of --watch.")] = 2.0,
) -> None:
    """Show the whole pipeline and what in it needs attention.

    Queues, event source mappings, switches and tables. Exit status 1 when there is a finding, each with its next
    step. With -o json and --watch, one JSON document per line. The tables' item counts are DynamoDB's own, up to six
    hours old; --count makes exact ones.

    \b
    Examples:
      pik status
      pik --stack pik-dev status --count
      pik status --watch --interval 5
      pik -o json status
    """
    session = session_of(context)
    if watch:
        _watch(session, count, interval)
        return
    snapshot = look(session, count)
    found = _findings(snapshot, session.output)
    if session.output.json_wanted:
        session.output.document(as_json(snapshot, found))
    else:
        session.output.show(page(snapshot, found, lines=session.output.stdout.is_terminal))
    raise typer.Exit(FINDING if found else FINE)


def _findings(snapshot: Snapshot, output: Output) -> list[StatusFinding]:
    """Every finding, with commands that lead to the same stack."""
    return [replace(it, next_step=with_prefix(it.next_step, output.prefix)) for it in findings(snapshot)]


def look(session: Session, count: bool) -> Snapshot:
    """One snapshot, with exact counts when they are wanted."""
    snapshot = read_all(session.stack, session.aws, session.api)
    tables = tuple(_counted(session, name) for name in TABLES) if count else snapshot.tables
    return replace(snapshot, tables=tables, endpoint_url=session.target.endpoint_url)


def _counted(session: Session, name: str) -> TableState:
    console = session.output.stderr
    if not console.is_terminal:
        return count_table(session.aws, session.stack, name, lambda _items: None)
    with console.status(f"Counting {name}") as shown:
        return count_table(session.aws, session.stack, name, lambda items: shown.update(f"Counting {name}: {items:,}"))


def _watch(session: Session, count: bool, interval: float) -> None:
    """Look again and again. The first look may fail; later ones say so and go on, for a network comes back."""
    from botocore.exceptions import BotoCoreError, ClientError
    from rich.live import Live

    output = session.output
    first = look(session, count)

    def again() -> Snapshot | str:
        try:
            return look(session, count)
        except (BotoCoreError, ClientError, Unreachable) as error:
            return f"Could not look: {(explain(error) or error)}. Trying again."

    try:
        if output.json_wanted or not output.stdout.is_terminal:
            _repeat(first, again, interval, lambda seen: _print_one(seen, output))
            return
        with Live(console=output.stdout, auto_refresh=False) as live:
            _repeat(first, again, interval, lambda seen: live.update(_live_page(seen, output), refresh=True))
    except KeyboardInterrupt:  # how a watch ends
        return


def _repeat(
    first: Snapshot, again: Callable[[], Snapshot | str], interval: float, show: Callable[[Snapshot | str], None]
) -> None:
    show(first)
    while True:
        time.sleep(interval)
        show(again())


def _print_one(seen: Snapshot | str, output: Output) -> None:
    if isinstance(seen, str):
        output.note(seen)
    elif output.json_wanted:
        output.document(as_json(seen, _findings(seen, output)), compact=True)
    else:
        output.line(_now())
        output.show(page(seen, _findings(seen, output), lines=False))


def _live_page(seen: Snapshot | str, output: Output) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    if isinstance(seen, str):
        return Text(safe(seen))
    # Findings first and no lines: what does not fit on the screen is cut at its end.
    found = _findings(seen, output)
    return Group(Text(f"{_now()}   Ctrl-C ends"), *_sentences(found), Text(), *_facts(seen, lines=False))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def page(snapshot: Snapshot, found: list[StatusFinding], *, lines: bool) -> RenderableType:
    """The snapshot for people, its findings last, where they are seen."""
    from rich.console import Group
    from rich.text import Text

    return Group(*_facts(snapshot, lines=lines), Text(), *_sentences(found))


def _facts(snapshot: Snapshot, *, lines: bool) -> list[RenderableType]:
    from rich.text import Text

    api = snapshot.api
    where = f" in {snapshot.region}" if snapshot.region else ""
    heading = f"Stack {snapshot.stack.name}{where}: {snapshot.stack.status}"
    word = f"{api.status or 'unwell'}, version {api.version}" if api.version else api.status or "unwell"
    parts: list[RenderableType] = [Text(safe(heading)), Text(safe(f"API {api.url}: {word}"))]
    if api.switches:
        shown = ", ".join(f"{name}={switch(value)}" for name, value in api.switches.items())
        parts.append(Text(safe(f"Switches: {shown}")))
    if snapshot.failure_mode:
        parts.append(Text(safe(f"Failure mode: {snapshot.failure_mode.name or 'unreadable'}")))
    if snapshot.pending and not snapshot.pending.problem:
        parts.append(Text(safe(f"Scheduled: the processor {snapshot.pending.verb} at {snapshot.pending.at}")))
    for table in (_queues(snapshot, lines), _mappings(snapshot, lines), _tables(snapshot, lines)):
        parts += [table] if lines else [Text(), table]  # a table with lines has its own space
    return parts


def _queues(snapshot: Snapshot, lines: bool) -> RenderableType:
    rows = [(it.name, *_or_dash(it.visible, it.in_flight, it.delayed)) for it in snapshot.queues]
    return make_table(("queue", "visible", "in flight", "delayed"), rows, lines=lines)


def _mappings(snapshot: Snapshot, lines: bool) -> RenderableType:
    rows = [(it.name, it.state or "-", it.last_result or "-", *_or_dash(it.batch_size)) for it in snapshot.mappings]
    return make_table(("mapping", "state", "last result", "batch size"), rows, lines=lines)


def _tables(snapshot: Snapshot, lines: bool) -> RenderableType:
    rows = [(it.name, it.status or "-", *_or_dash(it.items), _precision(it)) for it in snapshot.tables]
    return make_table(("table", "state", "items", "counted"), rows, lines=lines)


def _precision(table: TableState) -> str:
    if table.items is None:
        return "-"
    return "exactly" if table.exact else _STALE


def _sentences(found: list[StatusFinding]) -> list[RenderableType]:
    from rich.text import Text

    if not found:
        return [Text("Nothing needs attention.")]
    parts: list[RenderableType] = [Text(f"{len(found)} finding{'s' if len(found) > 1 else ''}:", style="bold")]
    for finding in found:
        step = "\n".join(f"  {line}" for line in finding.next_step.split("\n"))
        parts += [Words(f"- {finding.message}"), Words(step, "dim")]
    return parts


def _or_dash(*counts: int | None) -> tuple[object, ...]:
    return tuple("-" if count is None else count for count in counts)


def as_json(snapshot: Snapshot, found: list[StatusFinding]) -> dict[str, Any]:
    """Stable form. What could not be read is null, and `problem` says why."""
    api = snapshot.api
    return {
        "stack": {"name": snapshot.stack.name, "region": snapshot.region, "status": snapshot.stack.status},
        "api": {
            "url": api.url,
            "status": api.status or None,
            "version": api.version or None,
            "problem": api.problem or None,
        },
        "switches": dict(api.switches) if api.switches else None,
        "queues": [_plain(it) for it in snapshot.queues],
        "mappings": [{**_plain(it), "enabled": _enabled(it)} for it in snapshot.mappings],
        "tables": [_plain(it) for it in snapshot.tables],
        "discarded_batches": _plain(snapshot.discarded),
        "processor_schedule": as_pending_json(snapshot.pending),
        "failure_mode": _plain(snapshot.failure_mode) if snapshot.failure_mode else None,
        "findings": [asdict(it) for it in found],
    }


def _enabled(mapping: SourceMapping) -> bool | None:
    return None if mapping.problem else mapping.enabled


def _plain(value: Any) -> dict[str, Any]:
    return {name: None if item == "" else item for name, item in asdict(value).items()}
